//! What fills the slots of a phrase: the names of one ticket, and numbers drawn afresh.

use fastrand::Rng;

/// Names of one ticket.
#[derive(Clone, Debug)]
pub struct Slots {
    /// Affected device.
    pub device: String,
    /// Affected interface.
    pub interface: String,
    /// Site.
    pub site: String,
    /// Customer.
    pub customer: String,
    /// Address of the other end.
    pub peer: String,
    /// Who reports.
    pub user: String,
    /// A room, as wireless tickets name it.
    pub area: String,
    /// A change or circuit reference.
    pub change: String,
    /// Software version.
    pub version: String,
}

impl Slots {
    /// Names for tests.
    pub fn example() -> Self {
        let text = |word: &str| word.to_owned();
        Self {
            device: text("tst-r1"),
            interface: text("Gi0/1"),
            site: text("Testhaven"),
            customer: text("Testers"),
            peer: text("192.0.2.1"),
            user: text("T. Ester"),
            area: text("hall"),
            change: text("CHG1"),
            version: text("1.0"),
        }
    }

    /// The text of one slot.
    pub(super) fn fill(&self, slot: &str, rng: &mut Rng) -> String {
        match slot {
            "device" => self.device.clone(),
            "interface" => self.interface.clone(),
            "site" => self.site.clone(),
            "customer" => self.customer.clone(),
            "peer" => self.peer.clone(),
            "user" => self.user.clone(),
            "area" => self.area.clone(),
            "change" => self.change.clone(),
            "version" => self.version.clone(),
            "n" => rng.u32(2..10).to_string(),
            "nn" => (rng.u32(2..45) * 10).to_string(),
            "pct" => rng.u32(5..99).to_string(),
            "minutes" => (rng.u32(1..12) * 5).to_string(),
            "vlan" => rng.u32(10..900).to_string(),
            "time" => format!("{:02}:{:02}", rng.u32(0..24), rng.u32(0..60)),
            other => unreachable!("no slot is called `{other}`"),
        }
    }
}
