/// How many requests are under way at a time: what the admin allows, halved when the provider says "too many
/// at once", and raised by one again after a long calm.
#[derive(Debug)]
pub(super) struct Parallelism {
    configured: u32,
    allowed: u32,
    in_flight: u32,
    /// Good answers since the last change.
    calm: u32,
    lowered: u64,
}

/// One of the requests under way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    lowered: u64,
}

/// Answers for each allowed request before one more is tried.
const CALM: u32 = 20;

impl Parallelism {
    pub(super) fn new(configured: u32) -> Self {
        Self { configured, allowed: configured, in_flight: 0, calm: 0, lowered: 0 }
    }

    /// Changes what the admin allows. What the provider's complaints lowered stays lowered.
    pub(super) fn configure(&mut self, configured: u32) {
        let lowered = self.allowed < self.configured;
        self.configured = configured;
        self.allowed = if lowered { self.allowed.min(configured) } else { configured };
    }

    #[cfg(test)]
    pub(super) fn configured(&self) -> u32 {
        self.configured
    }

    /// How many more may go now.
    pub(super) fn free(&self) -> u32 {
        self.allowed.saturating_sub(self.in_flight)
    }

    pub(super) fn take(&mut self) -> Slot {
        self.in_flight += 1;
        Slot { lowered: self.lowered }
    }

    pub(super) fn give_back(&mut self) {
        self.in_flight = self.in_flight.saturating_sub(1);
    }

    pub(super) fn answered(&mut self) {
        self.calm += 1;
        if self.allowed < self.configured && self.calm >= CALM * self.allowed {
            self.allowed += 1;
            self.calm = 0;
        }
    }

    /// Requests that were under way together complain together: only the first complaint counts.
    pub(super) fn crowded(&mut self, slot: Slot) {
        self.calm = 0;
        if slot.lowered == self.lowered {
            self.allowed = (self.allowed.min(self.in_flight) / 2).max(1);
            self.lowered += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn halved_once_for_a_burst_and_raised_slowly() {
        let mut parallel = Parallelism::new(8);
        let slots: Vec<Slot> = (0..8).map(|_| parallel.take()).collect();
        assert_eq!(parallel.free(), 0);
        for slot in slots {
            parallel.crowded(slot);
        }
        assert_eq!(parallel.allowed, 4);
        for _ in 0..8 {
            parallel.give_back();
        }
        for _ in 0..CALM * 4 - 1 {
            parallel.answered();
        }
        assert_eq!(parallel.allowed, 4);
        parallel.answered();
        assert_eq!(parallel.allowed, 5);
        for _ in 0..10_000 {
            parallel.answered();
        }
        assert_eq!(parallel.allowed, 8);
    }

    #[test]
    fn another_setting_does_not_forget_a_complaint() {
        let mut parallel = Parallelism::new(8);
        parallel.configure(2);
        assert_eq!(parallel.allowed, 2);
        parallel.configure(8);
        assert_eq!(parallel.allowed, 8);
        let slots: Vec<Slot> = (0..8).map(|_| parallel.take()).collect();
        parallel.crowded(slots[0]);
        parallel.configure(20);
        assert_eq!(parallel.allowed, 4);
        parallel.configure(3);
        assert_eq!(parallel.allowed, 3);
    }

    #[test]
    fn never_below_one() {
        let mut parallel = Parallelism::new(2);
        for _ in 0..5 {
            let slot = parallel.take();
            parallel.crowded(slot);
            parallel.give_back();
        }
        assert_eq!(parallel.allowed, 1);
        assert_eq!(parallel.free(), 1);
    }
}
