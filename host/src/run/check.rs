//! Check: is this reading one that may change a directory?

use super::error::RunError;
use super::reading::Reading;

/// Refuses an empty reading. A credential that is too narrow gets 200 and an empty list (Okta: an app with scopes but
/// no admin role), and "nobody" is never what an organisation looks like.
pub fn check_reading(reading: &Reading) -> Result<(), RunError> {
    if reading.users_seen == 0 { Err(RunError::NothingRead) } else { Ok(()) }
}
