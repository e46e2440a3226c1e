//! System calls that fail for a while, all or some: the processor is not busy with them, they are told, and the stream goes on.

use std::time::Duration;

use crate::rig::{Fault, Rig, last, processor_time, side_by_side};

const LENGTH: Duration = Duration::from_millis(600);
/// A loop without a pause would take all of it.
const BUSY: Duration = Duration::from_millis(300);

fn storms(fault: Fault, errors: &[(i32, i32)], told: &str) {
    let rig = Rig::new(false, true);
    for &(error, often) in errors {
        let what = format!("{fault:?} fails with {} {often} times of 1000", std::io::Error::from_raw_os_error(error));
        let programs = || [&rig.sender, &rig.receiver].into_iter().flatten();
        let before: Vec<_> = programs().map(processor_time).collect();
        let failed = rig.failed();
        rig.set(Fault::Often, often);
        rig.set(fault, error);
        last(LENGTH);
        let after: Vec<_> = programs().map(processor_time).collect();
        rig.set(fault, 0);
        rig.assert_goes_on(&what);
        for (before, after) in before.into_iter().zip(after) {
            assert!(after - before < BUSY, "{what}: {:?} of {LENGTH:?}", after - before);
        }
        // A receiver has little to send: of a few calls none may have failed.
        let more = rig.failed().into_iter().sum::<i32>() - failed.into_iter().sum::<i32>();
        assert!(more > 0, "{what}: nothing has failed");
    }
    // Afterwards all is as before.
    rig.settle();
    rig.assert_whole("after all", || last(LENGTH));
    let tells = rig.sender.iter().chain(&rig.receiver).all(|program| program.text().contains(told));
    assert!(tells, "{}", rig.evidence());
}

fn sending_fails() {
    let all = [
        libc::EAGAIN,
        libc::ENOBUFS,
        libc::ENOMEM,
        libc::EPERM,
        libc::ENETDOWN,
        libc::EHOSTUNREACH,
        libc::ECONNREFUSED,
        libc::EINVAL,
        libc::EMSGSIZE,
        libc::EIO,
    ];
    let mut errors: Vec<_> = all.map(|error| (error, 1000)).to_vec();
    errors.extend([(libc::EAGAIN, 300), (libc::EINTR, 500), (libc::ENOBUFS, 300)]);
    storms(Fault::Send, &errors, "cannot send to");
}

fn receiving_fails() {
    let all = [libc::EAGAIN, libc::ENOBUFS, libc::ENOMEM, libc::ENETDOWN, libc::ECONNREFUSED];
    let mut errors: Vec<_> = all.map(|error| (error, 1000)).to_vec();
    errors.extend([(libc::EINTR, 500), (libc::ENOMEM, 300)]);
    storms(Fault::Receive, &errors, "cannot receive on");
}

fn waiting_fails() {
    let errors = [(libc::ENOMEM, 1000), (libc::EINVAL, 1000), (libc::ENOMEM, 300), (libc::EINTR, 300)];
    storms(Fault::Wait, &errors, "cannot wait for sockets");
}

#[test]
fn system_calls_may_fail() {
    let storms: [fn(); 3] = [sending_fails, receiving_fails, waiting_fails];
    side_by_side(storms, |storm| storm());
}
