//! Hands received packets to the application when their time has come.

use super::driver::Driver;
use super::os::clock;
use crate::protocol::output::Level;

pub(super) fn run(driver: &Driver) {
    driver.log.log(Level::Info, "delivery thread started");
    clock::wait_precisely();
    let mut due = Vec::new();
    let output = driver.data_fd.output();
    while driver.wait_for_deliveries() {
        // First: what has come by now may be what is missing.
        driver.take_in_meanwhile();
        driver.take_due(&mut due);
        match &output {
            None => driver.deliver(&mut due),
            Some(output) => driver.write_out(output, &mut due),
        }
    }
}
