//! Which requests of a collection are known and not yet answered.

use std::collections::{BTreeMap, VecDeque};

use rustc_hash::FxHashSet;

use crate::http::Asked;
use crate::model::{Request, Subject};

/// How often a chain of requests may begin again at its root.
const MAX_RESTARTS: u32 = 3;

/// A request that waits for its answer.
#[derive(Debug, Clone)]
pub struct Pending {
    /// Which of the plugin's first requests the chain began with.
    pub root: u32,
    /// How often that chain has begun again.
    pub attempt: u32,
    /// How often the plugin asked to repeat just this request.
    pub repeats: u32,
    pub request: Request,
}

/// The same request came up twice in one chain: a cursor that does not move.
#[derive(Debug)]
pub struct Repeated;

#[derive(Default)]
struct Queue {
    /// Listings: they bring further requests, so they go first.
    listings: VecDeque<Pending>,
    /// Requests about one subject.
    rest: VecDeque<Pending>,
    in_flight: usize,
}

/// The requests that a collection still has to make, by bucket, and what each chain has asked for so far.
#[derive(Default)]
pub struct Frontier {
    roots: Vec<Request>,
    attempts: Vec<u32>,
    queues: BTreeMap<String, Queue>,
    asked: FxHashSet<[u8; 16]>,
    known: u64,
}

impl Frontier {
    pub fn new(roots: Vec<Request>) -> Result<Self, Repeated> {
        let mut frontier = Self { attempts: vec![0; roots.len()], ..Self::default() };
        for (root, request) in roots.iter().enumerate() {
            frontier.push(root as u32, request.clone())?;
        }
        frontier.roots = roots;
        Ok(frontier)
    }

    /// Adds what a page of this chain asked for.
    pub fn push(&mut self, root: u32, request: Request) -> Result<(), Repeated> {
        let attempt = self.attempts[root as usize];
        if !self.asked.insert(fingerprint(root, attempt, &request)) {
            return Err(Repeated);
        }
        self.known += 1;
        self.queue(Pending { root, attempt, repeats: 0, request });
        Ok(())
    }

    /// Puts back a request that the plugin wants repeated.
    pub fn repeat(&mut self, mut pending: Pending) {
        pending.repeats += 1;
        self.queue(pending);
    }

    fn queue(&mut self, pending: Pending) {
        let queue = self.queues.entry(pending.request.bucket.clone()).or_default();
        match pending.request.about {
            None => queue.listings.push_back(pending),
            Some(_) => queue.rest.push_back(pending),
        }
    }

    /// The next request whose bucket has fewer than `limit` in flight.
    pub fn take(&mut self, limit: usize) -> Option<Pending> {
        let queue = self
            .queues
            .values_mut()
            .find(|queue| queue.in_flight < limit && !(queue.listings.is_empty() && queue.rest.is_empty()))?;
        queue.in_flight += 1;
        queue.listings.pop_front().or_else(|| queue.rest.pop_front())
    }

    /// The request that waits and is this recorded one.
    pub fn take_recorded(&mut self, recorded: &Asked) -> Option<Pending> {
        for queue in self.queues.values_mut() {
            for waiting in [&mut queue.listings, &mut queue.rest] {
                if let Some(at) = waiting.iter().position(|pending| recorded.is(&pending.request)) {
                    queue.in_flight += 1;
                    return waiting.remove(at);
                }
            }
        }
        None
    }

    /// A request that was taken is no longer in flight.
    pub fn landed(&mut self, pending: &Pending) {
        if let Some(queue) = self.queues.get_mut(&pending.request.bucket) {
            queue.in_flight -= 1;
        }
    }

    /// False for an answer to a chain that has begun again since.
    pub fn is_current(&self, root: u32, attempt: u32) -> bool {
        self.attempts.get(root as usize) == Some(&attempt)
    }

    /// Begins a chain again; its waiting requests are forgotten. Gives the attempt, or how many there were when
    /// that is enough.
    pub fn restart(&mut self, root: u32) -> Result<u32, u32> {
        let attempt = self.attempts[root as usize] + 1;
        if attempt > MAX_RESTARTS {
            return Err(attempt - 1);
        }
        self.attempts[root as usize] = attempt;
        self.forget(|pending| pending.root == root);
        let request = self.roots[root as usize].clone();
        // The first request of a new attempt can't have been asked for in it.
        let _ = self.push(root, request);
        Ok(attempt)
    }

    /// Forgets the waiting requests about this group.
    pub fn cancel_about(&mut self, group: &str) {
        self.forget(|pending| matches!(&pending.request.about, Some(Subject::Group(id)) if id == group));
    }

    /// Takes an answered request out, when a spool is read again.
    pub fn answered(&mut self, root: u32, request: &Request) {
        if let Some(queue) = self.queues.get_mut(&request.bucket) {
            for waiting in [&mut queue.listings, &mut queue.rest] {
                if let Some(at) = waiting.iter().position(|p| p.root == root && p.request == *request) {
                    waiting.remove(at);
                    return;
                }
            }
        }
    }

    fn forget(&mut self, unwanted: impl Fn(&Pending) -> bool) {
        for queue in self.queues.values_mut() {
            let before = queue.listings.len() + queue.rest.len();
            queue.listings.retain(|pending| !unwanted(pending));
            queue.rest.retain(|pending| !unwanted(pending));
            self.known -= (before - queue.listings.len() - queue.rest.len()) as u64;
        }
    }

    /// Requests known and not yet answered, without those in flight.
    pub fn waiting(&self) -> u64 {
        self.queues.values().map(|queue| (queue.listings.len() + queue.rest.len()) as u64).sum()
    }

    /// Requests that were ever known.
    pub fn known(&self) -> u64 {
        self.known
    }
}

fn fingerprint(root: u32, attempt: u32, request: &Request) -> [u8; 16] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&root.to_le_bytes()).update(&attempt.to_le_bytes());
    let parts = [request.method.as_str().as_bytes(), request.path.as_bytes(), request.context.as_bytes()];
    for part in parts.into_iter().chain(request.body.as_deref()) {
        hasher.update(&(part.len() as u64).to_le_bytes()).update(part);
    }
    let mut short = [0; 16];
    short.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Method;

    pub(crate) fn request(path: &str, about: Option<&str>) -> Request {
        Request {
            method: Method::Get,
            path: path.into(),
            headers: vec![],
            body: None,
            bucket: "b".into(),
            about: about.map(|id| Subject::Group(id.into())),
            version: None,
            context: String::new(),
        }
    }

    #[test]
    fn listings_go_before_members() {
        let mut frontier = Frontier::new(vec![request("/list", None)]).unwrap();
        frontier.push(0, request("/members", Some("g"))).unwrap();
        frontier.push(0, request("/list2", None)).unwrap();
        let order: Vec<String> = std::iter::from_fn(|| frontier.take(9)).map(|p| p.request.path).collect();
        assert_eq!(order, ["/list", "/list2", "/members"]);
    }

    #[test]
    fn a_page_asked_for_twice_is_told() {
        let mut frontier = Frontier::new(vec![request("/list", None)]).unwrap();
        assert!(frontier.push(0, request("/list", None)).is_err());
    }

    #[test]
    fn a_restart_forgets_the_chain_and_ends_after_three() {
        let mut frontier = Frontier::new(vec![request("/a", None), request("/b", None)]).unwrap();
        frontier.push(0, request("/a2", None)).unwrap();
        assert_eq!(frontier.restart(0), Ok(1));
        assert!(!frontier.is_current(0, 0) && frontier.is_current(0, 1) && frontier.is_current(1, 0));
        let waiting: Vec<String> = std::iter::from_fn(|| frontier.take(9)).map(|p| p.request.path).collect();
        assert_eq!(waiting, ["/b", "/a"]);
        assert_eq!((frontier.restart(0), frontier.restart(0), frontier.restart(0)), (Ok(2), Ok(3), Err(3)));
    }

    #[test]
    fn members_of_a_dropped_group_are_never_requested() {
        let mut frontier = Frontier::new(vec![]).unwrap();
        frontier.attempts.push(0);
        frontier.push(0, request("/g/users", Some("g"))).unwrap();
        frontier.push(0, request("/h/users", Some("h"))).unwrap();
        frontier.cancel_about("g");
        assert_eq!(frontier.waiting(), 1);
        assert_eq!(frontier.take(1).map(|p| p.request.path).as_deref(), Some("/h/users"));
    }
}
