//! A program that ends with its owner: of stories, and of benches.

use std::process::Child;
use std::time::Duration;

pub struct Program(pub Child);

impl Drop for Program {
    /// Asked to end first, so that it leaves no sockets and locks behind.
    fn drop(&mut self) {
        if let Some(pid) = rustix::process::Pid::from_raw(self.0.id() as i32) {
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::TERM);
        }
        for _ in 0..100 {
            if matches!(self.0.try_wait(), Ok(Some(_))) {
                return;
            }
            std::thread::park_timeout(Duration::from_millis(10));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
