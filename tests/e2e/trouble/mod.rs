//! Disks and databases in trouble: each is told with what, why, where and what to do, nothing is lost, and when the
//! trouble is over everything goes on.

mod database;
mod disk_full;
mod read_only;
mod work_files;
