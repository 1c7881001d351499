//! The query of a request.

use crate::error::ApiError;

/// Decoded query parameters in the order given.
#[derive(Debug, Clone, Default)]
pub(crate) struct Query {
    pairs: Vec<(String, String)>,
}

impl Query {
    pub(crate) fn parse(raw: &str) -> Self {
        Self { pairs: form_urlencoded::parse(raw.as_bytes()).into_owned().collect() }
    }

    /// The first value under a name, unless it is empty: Okta treats `search=` like no search.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        let found = self.pairs.iter().find(|(key, _)| key == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// The page size: silently no more than `most`, as Okta's lists do.
    pub(crate) fn limit(&self, default: usize, most: usize) -> Result<usize, ApiError> {
        let Some(text) = self.get("limit") else {
            return Ok(default);
        };
        match text.parse::<usize>() {
            Ok(limit) if limit > 0 => Ok(limit.min(most)),
            _ => Err(ApiError::validation("limit", "The limit must be a positive integer.")),
        }
    }

    /// Parameters other than the cursor and the limit, which a link rewrites.
    pub(crate) fn others(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs
            .iter()
            .map(|(key, value)| (key.as_str(), value.as_str()))
            .filter(|(key, _)| !matches!(*key, "after" | "limit"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_plus_and_percent_and_caps_the_limit() {
        let query = Query::parse("search=status+eq%20%22ACTIVE%22&limit=1000&q=");
        assert_eq!(query.get("search"), Some(r#"status eq "ACTIVE""#));
        assert_eq!(query.get("q"), None);
        assert_eq!(query.limit(200, 200), Ok(200));
        assert!(Query::parse("limit=0").limit(200, 200).is_err());
        assert!(Query::parse("limit=many").limit(200, 200).is_err());
    }
}
