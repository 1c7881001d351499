use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use crate::clock;

/// Says what time it is, and waits.
#[async_trait]
pub trait Clock: Send + Sync {
    fn now(&self) -> Timestamp;

    /// Returns once it is that time or later.
    async fn until(&self, then: Timestamp);
}

/// The machine's, or the one that a test gave the program.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

#[async_trait]
impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        clock::now()
    }

    async fn until(&self, then: Timestamp) {
        while let Ok(left) = Duration::try_from(then.duration_since(self.now())) {
            if left.is_zero() {
                return;
            }
            tokio::time::sleep(clock::patience(left)).await;
        }
    }
}
