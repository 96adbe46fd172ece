//! Start and stop order, the triage loop, reload, supervision.
