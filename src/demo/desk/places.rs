//! Sites, devices, customers and people: each generator has its own.

use fastrand::Rng;

use super::Generator;
use super::slots::Slots;
use super::world::{DeviceRole, Fault};

/// The names of one generator.
struct Places {
    sites: &'static [&'static str],
    site_suffixes: &'static [&'static str],
    customers: &'static [&'static str],
    people: &'static [&'static str],
    areas: &'static [&'static str],
}

const A: Places = Places {
    sites: &[
        "Harwick",
        "Oldbridge",
        "Tamsin",
        "Corvale",
        "Leyton Park",
        "Brack",
        "Northgate",
        "Pell",
        "Quarry Hill",
        "Sandford",
        "Marl",
        "Eastwick",
        "Thorn",
        "Ashby",
        "Cole",
        "Dunmere",
        "Fenwood",
        "Gale",
        "Holt",
        "Ivel",
    ],
    site_suffixes: &["DC1", "DC2", "Office", "Depot"],
    customers: &["Arden Foods", "Bluewater Bank", "Civic Trust", "Delta Freight", "Elm Insurance", "Fairlight Stores"],
    people: &["J. Cooper", "M. Osei", "L. Byrne", "A. Novak", "R. Shah", "K. Lind"],
    areas: &["lobby", "second floor", "canteen", "warehouse", "meeting rooms", "library"],
};

const C: Places = Places {
    sites: &[
        "Station", "Exchange", "Node", "Campus", "Tower", "Plant", "Terminal", "Annex", "Hub", "Ring", "Yard", "Court",
    ],
    site_suffixes: &["01", "02", "07", "11", "14", "19", "23", "28", "31", "36", "42", "55"],
    customers: &["Tenant 3", "Tenant 8", "Tenant 12", "Account 40", "Account 77", "Agency 5"],
    people: &["operator 4", "operator 9", "clerk 2", "warden 6", "agent 11"],
    areas: &["atrium", "sector 3", "loading bay", "platform", "gym", "auditorium"],
};

const DESK: Places = Places {
    sites: &[
        "Lindau", "Werfen", "Mellau", "Thalheim", "Rauris", "Egg", "Schladen", "Virgen", "Nauders", "Krems", "Imst",
        "Lauter", "Brixen", "Sulz", "Hallein", "Gmund",
    ],
    site_suffixes: &["Werk", "Klinik", "Markt", "Zentrale", "Lager", "Schule"],
    customers: &[
        "Alpmilch eG",
        "Holz Ebner",
        "Kreisklinik",
        "Stadtwerke",
        "Bergbahn AG",
        "Nordlicht Logistik",
        "Schulverbund",
        "Textil Rau",
        "Sparkasse West",
        "Kaufhaus Lenz",
    ],
    people: &["Fr. Egger", "Hr. Moser", "Fr. Brandl", "Hr. Kofler", "Fr. Auer", "Hr. Wimmer", "Fr. Leitner"],
    areas: &["Halle 2", "cafeteria", "ward B", "lecture hall", "cold store", "sales floor", "open office", "yard"],
};

const fn places(generator: Generator) -> &'static Places {
    match generator {
        Generator::A => &A,
        Generator::C => &C,
        Generator::Desk => &DESK,
    }
}

fn pick<'item, T: ?Sized>(items: &[&'item T], rng: &mut Rng) -> &'item T {
    items[rng.usize(..items.len())]
}

/// Draws the names of one ticket.
pub(super) fn draw(generator: Generator, fault: &Fault, vendor: &str, rng: &mut Rng) -> Slots {
    let places = places(generator);
    let site = format!("{} {}", pick(places.sites, rng), pick(places.site_suffixes, rng));
    Slots {
        device: device_name(generator, fault.role, &site, rng),
        interface: interface_name(vendor, rng),
        customer: pick(places.customers, rng).to_owned(),
        peer: format!("10.{}.{}.{}", rng.u8(..), rng.u8(..), rng.u8(1..255)),
        user: pick(places.people, rng).to_owned(),
        area: pick(places.areas, rng).to_owned(),
        change: match generator {
            Generator::A => format!("CHG{:06}", rng.u32(..1_000_000)),
            Generator::C => format!("#{}", rng.u32(1000..99999)),
            Generator::Desk => format!("W-{}-{:03}", rng.u32(10..53), rng.u32(..1000)),
        },
        version: format!(
            "{}.{}({}){}",
            rng.u32(9..18),
            rng.u32(1..13),
            rng.u32(1..9),
            pick(&["", "a", "b", "S2", "E"], rng)
        ),
        site,
    }
}

fn device_name(generator: Generator, role: DeviceRole, site: &str, rng: &mut Rng) -> String {
    let letters: String = site.chars().filter(|letter| letter.is_alphanumeric()).collect::<String>().to_lowercase();
    let start: String = letters.chars().take(3).collect();
    let end: String = letters.chars().rev().take(2).collect::<Vec<_>>().into_iter().rev().collect();
    let number = rng.u32(1..7);
    match generator {
        Generator::A => format!("{start}{end}-{}{number:02}", role.short()),
        Generator::C => format!("{}-{start}-{end}-{number}", role.word()),
        Generator::Desk => {
            format!("{}{}-{}-{number}", start.to_uppercase(), end.to_uppercase(), role.short().to_uppercase())
        }
    }
}

fn interface_name(vendor: &str, rng: &mut Rng) -> String {
    let (slot, port) = (rng.u32(0..3), rng.u32(1..49));
    match vendor {
        "Juniper" => format!("xe-{slot}/0/{port}"),
        "Arista" => format!("Ethernet{port}"),
        "Nokia" | "Huawei" | "Ciena" => format!("{}/1/{port}", slot + 1),
        _ => format!("{}1/{slot}/{port}", pick(&["Gi", "Te", "GigabitEthernet"], rng)),
    }
}
