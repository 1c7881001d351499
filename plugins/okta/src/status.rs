use rollcall_plugin::Error;

use crate::settings::Settings;

/// Which statuses mean that somebody may sign in.
#[derive(Debug, Clone)]
pub struct Statuses {
    active: Vec<String>,
    inactive: Vec<String>,
}

/// Deactivated for good, or until somebody activates them again.
pub const DEPROVISIONED: &str = "DEPROVISIONED";

/// The statuses that Okta documents.
const KNOWN: [&str; 9] = [
    "STAGED",
    "PROVISIONED",
    "ACTIVE",
    "RECOVERY",
    "PASSWORD_EXPIRED",
    "LOCKED_OUT",
    "SUSPENDED",
    DEPROVISIONED,
    // For moments, on the way to PROVISIONED or ACTIVE.
    "ACTIVATING",
];

impl Statuses {
    pub fn new(settings: &Settings) -> Self {
        Self { active: settings.active_statuses.clone(), inactive: settings.inactive_statuses.clone() }
    }

    /// A status that nobody knows says neither yes nor no: guessing could lock somebody out, or let them in.
    pub fn is_active(&self, status: &str) -> Result<bool, Error> {
        let any = |statuses: &[String]| statuses.iter().any(|known| known == status);
        if any(&self.active) {
            Ok(true)
        } else if KNOWN.contains(&status) || any(&self.inactive) {
            Ok(false)
        } else {
            Err(Error::new(
                "unknown-status",
                format!("the user's status is {status:?}, which this plugin doesn't know"),
            )
            .with_hint(format!("add {status:?} to the setting active-statuses or inactive-statuses")))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn is_active(settings: &Value, status: &str) -> Option<bool> {
        let settings: Settings = serde_json::from_value(settings.clone()).unwrap();
        Statuses::new(&settings.checked().unwrap()).is_active(status).ok()
    }

    #[test]
    fn the_default_keeps_those_who_could_sign_in() {
        for (status, expected) in [
            ("ACTIVE", Some(true)),
            ("PROVISIONED", Some(true)),
            ("RECOVERY", Some(true)),
            ("PASSWORD_EXPIRED", Some(true)),
            ("LOCKED_OUT", Some(true)),
            ("STAGED", Some(false)),
            ("SUSPENDED", Some(false)),
            ("DEPROVISIONED", Some(false)),
            ("ACTIVATING", Some(false)),
            ("HIBERNATING", None),
            ("active", None),
        ] {
            assert_eq!(is_active(&json!({}), status), expected, "{status}");
        }
    }

    #[test]
    fn settings_decide() {
        let only = json!({"active-statuses": ["active", "suspended"]});
        assert_eq!(is_active(&only, "SUSPENDED"), Some(true));
        assert_eq!(is_active(&only, "LOCKED_OUT"), Some(false));
        assert_eq!(is_active(&json!({"inactive-statuses": ["hibernating"]}), "HIBERNATING"), Some(false));
        assert_eq!(
            is_active(&json!({"active-statuses": ["ACTIVE", "HIBERNATING"]}), "HIBERNATING"),
            Some(true)
        );
        assert_eq!(is_active(&json!({"inactive-statuses": ["ACTIVE"]}), "ACTIVE"), Some(true), "active wins");
    }
}
