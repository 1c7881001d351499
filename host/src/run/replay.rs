//! Repeating a recorded reading: the same answers, in the same order.
//!
//! The order matters. Of two records of one person the last one counts, and an answer that makes the plugin begin
//! again changes what the following answers belong to. So answers are taken in exactly as the recorded run took them
//! in, and only decoding, which depends on nothing else, goes ahead.
//!
//! A plugin or a transform may be another one than it was. What it no longer asks for is passed over; what it asks for
//! and was not recorded ends the run.

use std::collections::VecDeque;

use tokio::task::JoinHandle;

use super::collect::{Answer, Collected, Collector, decoded};
use super::error::RunError;
use super::frontier::Frontier;
use super::spool::SpoolWriter;
use crate::http::{Cassette, Played};

/// Answers that are decoded ahead of the one whose turn it is.
const AHEAD: usize = 16;

impl Collector<'_> {
    /// Answers all known requests, and those that their pages bring, from the recording.
    pub(super) async fn repeat(
        &self,
        cassette: &Cassette,
        differs: &[String],
        frontier: &mut Frontier,
        spool: &mut SpoolWriter,
        collected: &mut Collected,
    ) -> Result<(), RunError> {
        let mut exchanges = cassette.exchanges()?;
        let mut ahead: VecDeque<JoinHandle<Answer>> = VecDeque::new();
        let mut next: Option<Played> = None;
        let mut unused = 0_u64;
        loop {
            while ahead.len() < AHEAD {
                if next.is_none() {
                    next = tokio::task::block_in_place(|| exchanges.next_exchange())?;
                }
                let Some(played) = next.take() else { break };
                match frontier.take_recorded(&played.request) {
                    Some(pending) => ahead.push_back(tokio::spawn(decoded(
                        pending,
                        played.response,
                        None,
                        self.source.clone(),
                        self.transforms.clone(),
                        false,
                    ))),
                    // It may belong to a page that is not taken in yet.
                    None if !ahead.is_empty() => {
                        next = Some(played);
                        break;
                    }
                    None => unused += 1,
                }
            }
            if self.cancel.is_cancelled() {
                return Err(RunError::Cancelled);
            }
            let Some(task) = ahead.pop_front() else { break };
            let answer = task.await.map_err(|error| RunError::Worker(error.to_string()))?;
            frontier.landed(&answer.pending);
            self.check_requests(frontier)?;
            if frontier.is_current(answer.pending.root, answer.pending.attempt) {
                self.take_in(answer, frontier, spool, collected)?;
                self.tell(collected, frontier.waiting() + ahead.len() as u64);
            }
        }
        if unused > 0 {
            tracing::info!(connector = self.connector, unused, "recorded answers that nobody asked for");
        }
        match frontier.take(usize::MAX) {
            Some(pending) => Err(cassette.missing(&pending.request, differs.to_vec()).into()),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
#[path = "replay_tests.rs"]
mod tests;
