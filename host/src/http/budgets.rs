use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::options::ClientOptions;
use super::pacer::{Pacer, Place};
use crate::model::RateLimitRules;

/// The budgets that the clients of one process spend. A provider counts by who asks, not by which connector asks:
/// clients with the same origin and the same credential spend one budget, and send no more requests at a time
/// together than one alone would.
///
/// Where their settings differ, the smallest `share` and the smallest `parallel` of those that are there hold for
/// all of them: whoever left more to others meant it for the whole provider. Plugins that read the provider's limits
/// in different ways don't share, because their buckets don't mean the same.
///
/// Clones are the same budgets. What is known of a provider's windows is forgotten with the last client that spends
/// them; the next one finds out with its first request.
#[derive(Clone, Default)]
pub struct Budgets(Arc<Mutex<Vec<Budget>>>);

struct Budget {
    origin: String,
    /// See [`Credential::identity`](super::Credential::identity).
    credential: String,
    rules: Option<RateLimitRules>,
    pacer: Weak<Pacer>,
}

impl Budgets {
    /// A place at the budget that this client spends.
    pub(super) fn join(&self, options: &ClientOptions) -> Place {
        let (origin, credential) = (options.endpoint.to_string(), options.credential.identity());
        let mut budgets = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        budgets.retain(|budget| budget.pacer.strong_count() > 0);
        let known = budgets.iter().find(|budget| {
            budget.origin == origin && budget.credential == credential && budget.rules == options.rate_limit
        });
        let pacer = known.and_then(|budget| budget.pacer.upgrade()).unwrap_or_else(|| {
            let pacer = Arc::new(Pacer::new(options.rate_limit.clone()));
            budgets.push(Budget {
                origin,
                credential: credential.to_owned(),
                rules: options.rate_limit.clone(),
                pacer: Arc::downgrade(&pacer),
            });
            pacer
        });
        Pacer::join(&pacer, options.share, options.parallel)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Credential;
    use crate::http::Endpoint;
    use crate::http::SecretSource;
    use crate::http::fixture::{endpoint_rules, options};
    use crate::model::CredentialRule;

    async fn client(address: &str, share: f64, parallel: u32) -> ClientOptions {
        let (mut options, _) = options(address).await;
        (options.share, options.parallel) = (share, parallel);
        options
    }

    fn same(one: &Place, other: &Place) -> bool {
        Arc::ptr_eq(one.pacer(), other.pacer())
    }

    #[tokio::test]
    async fn one_origin_and_credential_is_one_budget() {
        let budgets = Budgets::default();
        let options = client("http://127.0.0.1:1", 0.8, 8).await;
        let first = budgets.join(&options);
        assert!(same(&first, &budgets.clone().join(&options)));
        assert!(!same(&first, &Budgets::default().join(&options)), "another process's");

        let elsewhere = Endpoint::parse("http://127.0.0.1:2", &endpoint_rules()).unwrap();
        assert!(!same(&first, &budgets.join(&ClientOptions { endpoint: elsewhere, ..options.clone() })));
        let rule = CredentialRule::Bearer { label: String::new(), help: String::new() };
        let secret = SecretSource::Command(vec!["printf".into(), "another".into()]);
        let credential = Credential::resolve(&rule, &secret, None).await.unwrap();
        assert!(!same(&first, &budgets.join(&ClientOptions { credential, ..options.clone() })));
        assert!(!same(&first, &budgets.join(&ClientOptions { rate_limit: None, ..options.clone() })));
    }

    #[tokio::test]
    async fn the_smallest_terms_of_those_that_are_there_hold() {
        let budgets = Budgets::default();
        let wide = budgets.join(&client("http://127.0.0.1:1", 0.8, 8).await);
        assert_eq!(wide.pacer().terms(), (0.8, 8));
        let modest = budgets.join(&client("http://127.0.0.1:1", 0.5, 10).await);
        let narrow = budgets.join(&client("http://127.0.0.1:1", 0.9, 2).await);
        assert_eq!(wide.pacer().terms(), (0.5, 2));
        drop(modest);
        assert_eq!(wide.pacer().terms(), (0.8, 2));
        drop(narrow);
        assert_eq!(wide.pacer().terms(), (0.8, 8));
        let pacer = Arc::downgrade(wide.pacer());
        drop(wide);
        assert!(pacer.upgrade().is_none(), "nobody is left who could spend it");
        let next = budgets.join(&client("http://127.0.0.1:1", 1.0, 3).await);
        assert_eq!(next.pacer().terms(), (1.0, 3));
    }
}
