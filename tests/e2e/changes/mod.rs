//! Syncs of changes alone: they see what a full sync sees, for a few requests.

mod basics;
mod policies;
mod scene;

use scene::{LATER, company, converged, increment, login};
