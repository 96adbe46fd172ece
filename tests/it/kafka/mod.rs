//! The daemon as a process against a real Apache Kafka. `tests/run.sh` starts the broker and names it in
//! `NOCTRIAGE_TEST_BROKERS`; without it these tests are skipped, loudly, and fail where Kafka is required.

mod bad_starts;
mod doubt;
mod faults;
mod killed;
mod positions;
mod rollout;
mod scenarios;
mod shadow_day;
mod verdicts;
