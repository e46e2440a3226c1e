//! Hands received packets to the application when their time has come.

use super::driver::Driver;
use crate::protocol::output::Level;

pub(super) fn run(driver: &Driver) {
    driver.log.log(Level::Info, "delivery thread started");
    let mut due = Vec::new();
    while driver.wait_for_deliveries(&mut due) {
        driver.deliver(&mut due);
    }
}
