//! Reads the data descriptor of a sender and sends what it gives.

use super::data_fd::Input;
use super::driver::Driver;
use super::os::{clock, descriptor, poll};
use super::rate::Rate;
use crate::protocol::output::Level;
use crate::protocol::payload::Pool;
use crate::protocol::session::Media;
use std::io::ErrorKind;
use std::time::Duration;

/// When waiting is tried again after it has failed.
const RETRY: Duration = Duration::from_millis(10);

pub(super) fn run(driver: &Driver) {
    let Some(input) = driver.data_fd.input() else { return };
    driver.log.log(Level::Info, "data descriptor thread started");
    match read_all(driver, &input) {
        End::Stopped => {}
        End::OfData => driver.log.log(Level::Info, "data descriptor: end of data, nothing more is sent"),
        End::Error(error) => {
            driver.log.log(Level::Error, &format!("data descriptor: {error}, nothing more is sent"));
        }
    }
}

enum End {
    Stopped,
    OfData,
    Error(std::io::Error),
}

fn read_all(driver: &Driver, input: &Input) -> End {
    let pool = Pool::new();
    // One byte more tells a packet that is too long from one that just fits.
    let mut buffer = vec![0; input.max_packet + usize::from(input.whole)];
    let (too_long, refused, failed) = (Rate::default(), Rate::default(), Rate::default());
    loop {
        let mut waiting = [poll::waiting(input.wake.fd(), false), poll::waiting(input.fd, false)];
        if let Err(error) = poll::wait(&mut waiting, None) {
            // No memory for it: that passes, and nothing is ready now.
            if let Some(times) = failed.count(clock::now(), 1) {
                driver.log.log(Level::Error, &format!("cannot wait for the data descriptor: {error} ({times} times)"));
            }
            std::thread::sleep(RETRY);
        }
        if driver.is_stopping() {
            return End::Stopped;
        }
        let [wake, data] = &waiting;
        if poll::is_readable(wake) {
            input.wake.clear();
        }
        // Whatever poll says of it, reading tells what it is.
        if data.revents == 0 {
            continue;
        }
        let length = match descriptor::read(input.fd, &mut buffer) {
            Ok(0) => return End::OfData,
            Ok(length) => length,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            // Somebody else was quicker. Without data it is an error that poll reports again at once.
            Err(error) if error.kind() == ErrorKind::WouldBlock && poll::has_data(data) => continue,
            Err(error) => return End::Error(error),
        };
        if length > input.max_packet {
            if let Some(times) = too_long.count(clock::now(), 1) {
                let line = format!(
                    "data descriptor: packets longer than {} bytes, not sent: {times}; lower the MTU of the device",
                    input.max_packet
                );
                driver.log.log(Level::Error, &line);
            }
            continue;
        }
        let media = Media {
            payload: pool.copy(&buffer[..length]),
            ts_ntp: None,
            seq: None,
            virt_src_port: 0,
            virt_dst_port: 0,
        };
        match driver.call(|session, now| session.send(now, media)) {
            Ok(Ok(_)) => driver.data_fd.count_sent(length),
            Ok(Err(error)) => {
                if let Some(times) = refused.count(clock::now(), 1) {
                    driver.log.log(Level::Error, &format!("data descriptor: {error}, packets not sent: {times}"));
                }
            }
            // The context has come to its end.
            Err(_) => return End::Stopped,
        }
    }
}
