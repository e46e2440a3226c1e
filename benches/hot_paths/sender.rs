//! The application writes a packet, which goes to one peer that reports and answers as usual.

use crate::replay::{Part, Replay};
use crate::support::end::PAYLOAD;
use crate::support::kind::{MAIN, MAIN_AES_128, SIMPLE};
use crate::support::script::Script;
use criterion::{Criterion, Throughput};
use rist::protocol::config::Role;

pub(crate) fn send(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("send 1316 bytes");
    group.throughput(Throughput::Bytes(PAYLOAD.len() as u64));
    for kind in [SIMPLE, MAIN, MAIN_AES_128] {
        let script = Script::record(&kind, Role::Sender, 10_000);
        let mut replay = Replay::new(&script, Part::All);
        group.bench_function(kind.name, |bencher| bencher.iter_custom(|packets| replay.time(packets)));
    }
    group.finish();
}
