//! What can go wrong on a network: faults with their possible causes, and what they mean for people.

/// A class of devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DeviceRole {
    /// Routes between networks.
    Router,
    /// Connects what is in one place.
    Switch,
    /// Radio cell.
    AccessPoint,
    /// Steers access points.
    WirelessController,
    /// Optical transport or access.
    Optical,
    /// Filters.
    Firewall,
    /// Supplies power or cold air.
    Facility,
    /// Names, addresses, voice.
    Server,
}

impl DeviceRole {
    /// The word in the ticket's `device.type`.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Router => "router",
            Self::Switch => "switch",
            Self::AccessPoint => "access_point",
            Self::WirelessController => "wireless_controller",
            Self::Optical => "optical",
            Self::Firewall => "firewall",
            Self::Facility => "ups",
            Self::Server => "server",
        }
    }

    /// The two or three letters in host names.
    pub const fn short(self) -> &'static str {
        match self {
            Self::Router => "cr",
            Self::Switch => "as",
            Self::AccessPoint => "ap",
            Self::WirelessController => "wc",
            Self::Optical => "ot",
            Self::Firewall => "fw",
            Self::Facility => "pw",
            Self::Server => "sv",
        }
    }

    /// Vendors with their weights: Cisco heavy, third parties beside it.
    pub(super) const fn vendors(self) -> &'static [(&'static str, u32)] {
        match self {
            Self::Router => &[("Cisco", 62), ("Juniper", 22), ("Nokia", 10), ("Huawei", 6)],
            Self::Switch => &[("Cisco", 66), ("Arista", 14), ("Juniper", 10), ("HPE", 10)],
            Self::AccessPoint => &[("Cisco", 62), ("Aruba", 28), ("Ubiquiti", 10)],
            Self::WirelessController => &[("Cisco", 68), ("Aruba", 32)],
            Self::Optical => &[("Ciena", 35), ("Nokia", 30), ("Huawei", 20), ("Cisco", 15)],
            Self::Firewall => &[("Fortinet", 38), ("Palo Alto", 32), ("Cisco", 30)],
            Self::Facility => &[("APC", 60), ("Eaton", 40)],
            Self::Server => &[("Infoblox", 30), ("Microsoft", 40), ("Cisco", 30)],
        }
    }

    /// Whether a device of this class and vendor is a router or switch of a third party.
    pub(super) fn is_third_party(self, vendor: &str) -> bool {
        match self {
            Self::Router | Self::Switch => vendor != "Cisco",
            Self::AccessPoint
            | Self::WirelessController
            | Self::Optical
            | Self::Firewall
            | Self::Facility
            | Self::Server => false,
        }
    }
}

/// Whose devices a ticket may be about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vendors {
    /// Anybody's.
    Any,
    /// Routers and switches of third parties.
    ThirdParty,
    /// Anything but routers and switches of third parties.
    NoThirdParty,
}

impl Vendors {
    /// Whether a device of this class and vendor is among them.
    pub(super) fn allow(self, role: DeviceRole, vendor: &str) -> bool {
        match self {
            Self::Any => true,
            Self::ThirdParty => role.is_third_party(vendor),
            Self::NoThirdParty => !role.is_third_party(vendor),
        }
    }
}

/// One kind of fault: its bank of symptoms, its category, its device, and its causes with weights.
#[derive(Clone, Copy, Debug)]
pub struct Fault {
    /// Bank of symptoms.
    pub symptom: &'static str,
    /// Category of the ticket.
    pub category: &'static str,
    /// Affected device.
    pub role: DeviceRole,
    /// Weight inside its category.
    pub weight: u32,
    /// Alarm names that monitoring raises.
    pub alarms: &'static [&'static str],
    /// Causes of a real fault with weights; noise has its own causes.
    pub causes: &'static [(&'static str, u32)],
}

/// The closed list of root causes, in the order of the models' cause head; `config/taxonomy.toml` holds the same.
pub const CAUSES: [&str; 16] = [
    "transient",
    "planned_work",
    "false_alarm",
    "configuration",
    "software_bug",
    "hardware",
    "fibre_cut",
    "optic",
    "power",
    "cooling",
    "capacity",
    "interference",
    "authentication",
    "attack",
    "carrier",
    "end_device",
];

/// Categories with their live weights in per mille. Wireless makes up 20 to 25 % of live tickets.
pub const CATEGORIES: [(&str, u32); 10] = [
    ("routing", 170),
    ("switching", 205),
    ("wireless", 225),
    ("optical", 95),
    ("security", 75),
    ("power", 55),
    ("voice", 40),
    ("services", 45),
    ("circuit", 50),
    ("access", 40),
];

/// Categories whose faults are all of routers or switches.
pub const ROUTERS_AND_SWITCHES: [&str; 4] = ["routing", "switching", "circuit", "access"];

/// Weight of wireless in the training generators, in per mille: the owner's 4 %.
pub const WIRELESS_WEIGHT_IN_TRAINING: u32 = 32;

/// Every kind of fault.
#[rustfmt::skip]
pub const FAULTS: &[Fault] = &[
    fault("bgp_down", "routing", DeviceRole::Router, 30, &["bgpBackwardTransition", "BGP-5-ADJCHANGE"], &[("carrier", 30), ("configuration", 25), ("software_bug", 15), ("hardware", 10), ("fibre_cut", 20)]),
    fault("ospf_adjacency", "routing", DeviceRole::Router, 20, &["ospfNbrStateChange", "OSPF-5-ADJCHG"], &[("configuration", 30), ("optic", 20), ("fibre_cut", 15), ("software_bug", 20), ("hardware", 15)]),
    fault("route_unreachable", "routing", DeviceRole::Router, 30, &["nodeDown", "icmpUnreachable"], &[("power", 25), ("hardware", 25), ("carrier", 25), ("fibre_cut", 15), ("software_bug", 10)]),
    fault("cpu_high", "routing", DeviceRole::Router, 20, &["cpmCPURisingThreshold", "memoryLow"], &[("software_bug", 45), ("attack", 20), ("configuration", 15), ("capacity", 20)]),
    fault("interface_down", "switching", DeviceRole::Switch, 40, &["linkDown", "LINEPROTO-5-UPDOWN"], &[("hardware", 20), ("optic", 25), ("configuration", 20), ("end_device", 20), ("power", 15)]),
    fault("interface_errors", "switching", DeviceRole::Switch, 20, &["ifInErrors", "ifOutDiscards"], &[("optic", 45), ("hardware", 15), ("capacity", 20), ("configuration", 20)]),
    fault("spanning_tree", "switching", DeviceRole::Switch, 18, &["stpTopologyChange", "bpduGuardErrDisable"], &[("configuration", 50), ("end_device", 35), ("software_bug", 15)]),
    fault("stack_member", "switching", DeviceRole::Switch, 22, &["stackMemberRemoved", "nodeDown", "poeDenied"], &[("hardware", 40), ("power", 30), ("software_bug", 30)]),
    fault("ap_down", "wireless", DeviceRole::AccessPoint, 26, &["apDisassociated", "capwapDown"], &[("power", 25), ("hardware", 20), ("configuration", 20), ("software_bug", 20), ("end_device", 15)]),
    fault("wifi_clients", "wireless", DeviceRole::AccessPoint, 30, &["clientAuthFailure", "dhcpTimeoutWlan"], &[("authentication", 40), ("configuration", 20), ("capacity", 15), ("end_device", 15), ("software_bug", 10)]),
    fault("wifi_quality", "wireless", DeviceRole::AccessPoint, 24, &["lowSnr", "channelUtilization", "radarDetected"], &[("interference", 60), ("capacity", 25), ("configuration", 15)]),
    fault("controller", "wireless", DeviceRole::WirelessController, 12, &["wlcFailover", "wlcUnreachable"], &[("software_bug", 40), ("hardware", 25), ("power", 15), ("capacity", 20)]),
    fault("rogue", "wireless", DeviceRole::AccessPoint, 8, &["rogueDetected", "wipsEvent"], &[("interference", 45), ("attack", 35), ("end_device", 20)]),
    fault("los", "optical", DeviceRole::Optical, 34, &["LOS", "opticalChannelDown"], &[("fibre_cut", 45), ("optic", 20), ("hardware", 15), ("power", 10), ("carrier", 10)]),
    fault("low_light", "optical", DeviceRole::Optical, 34, &["rxPowerLow", "signalDegrade"], &[("optic", 60), ("fibre_cut", 15), ("hardware", 25)]),
    fault("onu", "optical", DeviceRole::Optical, 32, &["onuLos", "dyingGasp"], &[("power", 35), ("fibre_cut", 25), ("end_device", 20), ("hardware", 20)]),
    fault("firewall", "security", DeviceRole::Firewall, 55, &["haFailover", "sessionTableHigh", "ipsecDown"], &[("software_bug", 25), ("configuration", 25), ("capacity", 20), ("authentication", 15), ("carrier", 15)]),
    fault("intrusion", "security", DeviceRole::Firewall, 45, &["idsSignature", "loginFailures"], &[("attack", 70), ("configuration", 15), ("end_device", 15)]),
    fault("mains", "power", DeviceRole::Facility, 60, &["upsOnBattery", "psuFailure"], &[("power", 75), ("hardware", 25)]),
    fault("temperature", "power", DeviceRole::Facility, 40, &["temperatureHigh", "fanFailure"], &[("cooling", 75), ("hardware", 25)]),
    fault("sip", "voice", DeviceRole::Server, 100, &["sipTrunkDown", "phoneUnregistered", "mosLow"], &[("carrier", 35), ("configuration", 25), ("capacity", 15), ("software_bug", 15), ("authentication", 10)]),
    fault("name_service", "services", DeviceRole::Server, 100, &["dnsTimeout", "dhcpScopeFull", "radiusTimeout"], &[("authentication", 30), ("capacity", 25), ("configuration", 25), ("software_bug", 20)]),
    fault("circuit", "circuit", DeviceRole::Router, 100, &["circuitDown", "wanLoss"], &[("carrier", 60), ("fibre_cut", 20), ("capacity", 20)]),
    fault("endpoint", "access", DeviceRole::Switch, 100, &["portRequest"], &[("end_device", 65), ("configuration", 20), ("authentication", 15)]),
];

const fn fault(
    symptom: &'static str,
    category: &'static str,
    role: DeviceRole,
    weight: u32,
    alarms: &'static [&'static str],
    causes: &'static [(&'static str, u32)],
) -> Fault {
    Fault { symptom, category, role, weight, alarms, causes }
}

/// The queue that works on a ticket, by category and root cause; the category comes first.
#[expect(clippy::match_same_arms, reason = "the order of the arms is the rule: merged ones would change the queue")]
pub fn queue_for(category: &str, cause: &str) -> &'static str {
    match (category, cause) {
        ("wireless", _) => "wireless",
        ("security", _) => "security",
        ("power", _) => "facilities",
        ("optical", _) => "transport",
        ("voice", _) => "voice",
        ("circuit", _) => "carrier-desk",
        ("access", _) => "service-desk",
        ("services", _) => "platform",
        (_, "attack") => "security",
        (_, "power") => "facilities",
        (_, "carrier" | "fibre_cut") => "carrier-desk",
        _ => "network",
    }
}
