//! What people's verdicts amount to: the fold of decisions and verdicts into evidence, the final verdict of a ticket, what
//! counts as wrong, and how good everybody is on the same tickets. Pure: values in, values out.
//!
//! **Evidence is a function of a set, not of arrival.** Whatever order records are folded in, and however often one is
//! folded, the result is the same; what orders them is where and when they were appended.

pub mod accuracy;
pub mod counting;
pub mod decision;
pub mod evaluate;
pub mod evidence;
pub mod feed;
pub mod forecast;
pub mod gates;
pub mod local_time;
pub mod log;
pub mod outlook;
pub mod ratings;
pub mod reading;
pub mod report;
pub mod settle;
pub mod spec;
pub mod standing;
pub mod survey;
#[cfg(test)]
mod tests;
pub mod traffic;
pub mod watch;
pub mod wrong;
