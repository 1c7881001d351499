//! A faithful simulator of the Okta Management API.
