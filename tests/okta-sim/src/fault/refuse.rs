use super::kind::Fault;
use crate::error::ApiError;

impl Fault {
    /// The error that Okta gives instead of an answer.
    pub(crate) fn refusal(&self) -> Option<ApiError> {
        Some(match self {
            Self::RateLimited { .. } | Self::TooManyAtOnce => ApiError::rate_limited(),
            Self::ServerError => ApiError::internal(),
            Self::BadCursor { searching } => ApiError::invalid_cursor(*searching),
            Self::Unauthorized => ApiError::invalid_token(),
            Self::SessionEnded => ApiError::invalid_session(),
            Self::Forbidden => ApiError::forbidden(),
            _ => return None,
        })
    }
}
