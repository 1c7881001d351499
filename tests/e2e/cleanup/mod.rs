//! What users ask for when people leave, with the real components.

mod leavers;
