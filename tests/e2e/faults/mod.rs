//! Every fault that the simulator knows, alone and in mixtures: a run ends either complete and right, or failed with
//! the directory as it was and a message that names the cause. A shrunken list is the one that can't be told from
//! people who left, and costs nobody anything.

mod case;
mod limits;
mod lists;
mod mixture;
mod paging;
mod refusals;
mod transfers;
