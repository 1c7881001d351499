use reqwest::header::{HeaderMap, HeaderName, HeaderValue};

use crate::model::HttpRules;

/// Tells the provider that a request is a repetition, and of which one: its support finds both in one search. Only
/// where the plugin's manifest names headers for that.
pub(super) struct Courtesy {
    id: Option<HeaderName>,
    repeat_of: Option<HeaderName>,
    count: Option<HeaderName>,
    /// The name that the provider gave to the first attempt that it answered.
    first: Option<HeaderValue>,
    repeats: u32,
}

impl Courtesy {
    pub(super) fn new(rules: &HttpRules) -> Self {
        let name = |text: &Option<String>| HeaderName::from_bytes(text.as_ref()?.as_bytes()).ok();
        Self {
            id: name(&rules.request_id),
            repeat_of: name(&rules.retry_for),
            count: name(&rules.retry_count),
            first: None,
            repeats: 0,
        }
    }

    pub(super) fn answered(&mut self, headers: &HeaderMap) {
        if self.first.is_none() {
            self.first = self.id.as_ref().and_then(|id| headers.get(id)).cloned();
        }
    }

    /// The next attempt is a repetition.
    pub(super) fn repeat(&mut self, headers: &mut HeaderMap) {
        self.repeats += 1;
        if let (Some(name), Some(first)) = (&self.repeat_of, &self.first) {
            headers.insert(name, first.clone());
        }
        if let Some(name) = &self.count {
            headers.insert(name, self.repeats.into());
        }
    }
}
