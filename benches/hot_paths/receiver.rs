//! Datagrams come in and packets are handed out, at 50 Mbit/s with a buffer of one second.

use crate::replay::{Part, Replay};
use crate::support::end::PAYLOAD;
use crate::support::kind::{Kind, MAIN, MAIN_AES_128, MAIN_LOSS, SIMPLE};
use crate::support::script::Script;
use criterion::{Criterion, Throughput};
use rist::protocol::config::Role;

const SIMPLE_LOSS: Kind = Kind { name: "Simple 5 % loss", loss: 0.05, ..SIMPLE };

pub(crate) fn insert(criterion: &mut Criterion) {
    bench(criterion, "insert", Part::Receive, &[SIMPLE, MAIN]);
}

pub(crate) fn play_out(criterion: &mut Criterion) {
    bench(criterion, "play out", Part::PlayOut, &[SIMPLE]);
}

pub(crate) fn receive_and_play_out(criterion: &mut Criterion) {
    let kinds = [SIMPLE, MAIN, MAIN_AES_128, SIMPLE_LOSS, MAIN_LOSS];
    bench(criterion, "receive and play out", Part::All, &kinds);
}

fn bench(criterion: &mut Criterion, name: &str, part: Part, kinds: &[Kind]) {
    let mut group = criterion.benchmark_group(name);
    group.throughput(Throughput::Bytes(PAYLOAD.len() as u64));
    for kind in kinds {
        let script = Script::record(kind, Role::Receiver, 10_000);
        let mut replay = Replay::new(&script, part);
        group.bench_function(kind.name, |bencher| bencher.iter_custom(|packets| replay.time(packets)));
    }
    group.finish();
}
