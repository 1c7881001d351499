//! Which parts of a user are written: the `fields` parameter and the `okta-response` media-type option.

use crate::error::ApiError;

/// The properties a client asked for with `fields=id,status,profile:(login,email)`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Projection {
    top: Vec<String>,
    profile: Vec<String>,
}

impl Projection {
    pub(crate) fn parse(text: &str) -> Result<Self, ApiError> {
        let mut projection = Self::default();
        let mut rest = text.trim();
        while !rest.is_empty() {
            if let Some(inner) = rest.strip_prefix("profile:(") {
                let (names, after) = inner
                    .split_once(')')
                    .ok_or_else(|| ApiError::validation("fields", "The profile directive is not closed."))?;
                projection.profile.extend(names.split(',').map(|name| name.trim().to_owned()));
                rest = after.trim_start().trim_start_matches(',').trim_start();
            } else {
                let (name, after) = rest.split_once(',').unwrap_or((rest, ""));
                projection.top.push(name.trim().to_owned());
                rest = after.trim_start();
            }
        }
        Ok(projection)
    }

    fn has_top(&self, name: &str) -> bool {
        self.top.iter().any(|asked| asked == name)
    }
}

/// What to write of each user in a response.
#[derive(Debug, Clone, Default)]
pub(crate) struct Parts {
    pub(crate) projection: Option<Projection>,
    pub(crate) omit_credentials: bool,
    pub(crate) omit_credentials_links: bool,
    pub(crate) omit_transitioning: bool,
}

impl Parts {
    /// Reads `Content-Type: application/json; okta-response="omitCredentials,…"`, quoted or not, with or
    /// without spaces after the commas. Clients send all these forms.
    pub(crate) fn from_content_type(content_type: Option<&str>) -> Self {
        let mut parts = Self::default();
        let Some((_, options)) = content_type.and_then(|value| value.split_once("okta-response=")) else {
            return parts;
        };
        for option in options.split(';').next().unwrap_or_default().split(',') {
            match option.trim_matches(|c: char| c == '"' || c.is_whitespace()) {
                "omitCredentials" => parts.omit_credentials = true,
                "omitCredentialsLinks" => parts.omit_credentials_links = true,
                "omitTransitioningToStatus" => parts.omit_transitioning = true,
                _ => {}
            }
        }
        parts
    }

    /// Whether a top-level property is wanted.
    pub(crate) fn wants(&self, name: &str) -> bool {
        self.projection.as_ref().is_none_or(|projection| projection.has_top(name))
    }

    /// Whether a profile attribute is wanted; the whole profile can be named too.
    pub(crate) fn wants_attribute(&self, name: &str) -> bool {
        self.projection.as_ref().is_none_or(|projection| {
            projection.has_top("profile") || projection.profile.iter().any(|asked| asked == name)
        })
    }

    pub(crate) fn wants_profile(&self) -> bool {
        self.projection
            .as_ref()
            .is_none_or(|projection| projection.has_top("profile") || !projection.profile.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_projections() {
        let projection = Projection::parse("id,status,profile:(login, email),lastUpdated").unwrap();
        assert_eq!(projection.top, ["id", "status", "lastUpdated"]);
        assert_eq!(projection.profile, ["login", "email"]);
        assert!(Projection::parse("profile:(login").is_err());
    }

    #[test]
    fn reads_every_form_of_okta_response() {
        for value in [
            r#"application/json; okta-response="omitCredentials,omitCredentialsLinks,omitTransitioningToStatus""#,
            r#"application/json; okta-response="omitCredentials,omitCredentialsLinks, omitTransitioningToStatus""#,
            "application/json; okta-response=omitCredentials,omitCredentialsLinks,omitTransitioningToStatus",
            "application/json;okta-response=omitTransitioningToStatus,omitCredentials,omitCredentialsLinks;x=y",
        ] {
            let parts = Parts::from_content_type(Some(value));
            assert!(parts.omit_credentials && parts.omit_credentials_links && parts.omit_transitioning);
        }
        assert!(!Parts::from_content_type(Some("application/json")).omit_credentials);
        assert!(!Parts::from_content_type(None).omit_credentials);
    }
}
