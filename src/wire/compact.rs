//! JSON of our records, byte for byte as `serde_json` writes it without spaces. A decision has some hundred and twenty fields
//! and more digests than other texts: `serde_json` looks at each byte of each name and each digest for what must be escaped,
//! which took a tenth of the time of a ticket. Here a text is looked at many bytes at once, and a name of ours not at all.
//!
//! Numbers are left to `serde_json`.

use serde::ser::{
    Error as _, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant, SerializeTuple,
    SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use serde_json::Error;

use crate::domain::quoted::push_quoted;

/// Writes a record. It is given so many bytes to begin with.
///
/// # Errors
/// Those of `serde_json`: a map whose keys are no texts, numbers or flags.
pub(super) fn to_vec(record: &impl Serialize, bytes: usize) -> Result<Vec<u8>, Error> {
    let mut writer = Writer(Vec::with_capacity(bytes));
    record.serialize(&mut writer)?;
    Ok(writer.0)
}

/// What has been written.
struct Writer(Vec<u8>);

impl Writer {
    fn begin(&mut self, begin: &'static [u8], end: &'static [u8]) -> Entries<'_> {
        self.0.extend_from_slice(begin);
        Entries { writer: self, is_first: true, end }
    }

    fn variant(&mut self, variant: &'static str, begin: u8, end: &'static [u8]) -> Entries<'_> {
        self.0.push(b'{');
        push_quoted(variant, &mut self.0);
        self.0.push(b':');
        self.0.push(begin);
        Entries { writer: self, is_first: true, end }
    }
}

/// What stands between two brackets, with commas in between.
struct Entries<'writer> {
    writer: &'writer mut Writer,
    is_first: bool,
    end: &'static [u8],
}

impl Entries<'_> {
    fn next(&mut self) -> &mut Writer {
        if !self.is_first {
            self.writer.0.push(b',');
        }
        self.is_first = false;
        self.writer
    }

    fn item<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), Error> {
        item.serialize(self.next())
    }

    /// A field whose name the code gives; none of them needs an escape.
    fn field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
        let before: &[u8] = if self.is_first { b"\"" } else { b",\"" };
        self.is_first = false;
        let json = &mut self.writer.0;
        json.reserve(before.len() + name.len() + 2);
        json.extend_from_slice(before);
        json.extend_from_slice(name.as_bytes());
        json.extend_from_slice(b"\":");
        value.serialize(&mut *self.writer)
    }

    fn finish(self) {
        self.writer.0.extend_from_slice(self.end);
    }
}

/// A number or a flag, as `serde_json` writes it.
macro_rules! left_to_serde_json {
    ($($method:ident: $kind:ty),*) => {
        $(fn $method(self, value: $kind) -> Result<(), Error> {
            serde_json::to_writer(&mut self.0, &value)
        })*
    };
}

/// A variant with several values: an object of its name and what stands between two brackets.
macro_rules! variants {
    ($($method:ident: $begin:literal $end:literal),*) => {
        $(fn $method(
            self,
            _name: &'static str,
            _index: u32,
            variant: &'static str,
            _length: usize,
        ) -> Result<Entries<'writer>, Error> {
            Ok(self.variant(variant, $begin, $end))
        })*
    };
}

impl<'writer> Serializer for &'writer mut Writer {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Entries<'writer>;
    type SerializeTuple = Entries<'writer>;
    type SerializeTupleStruct = Entries<'writer>;
    type SerializeTupleVariant = Entries<'writer>;
    type SerializeMap = Entries<'writer>;
    type SerializeStruct = Entries<'writer>;
    type SerializeStructVariant = Entries<'writer>;

    left_to_serde_json!(
        serialize_bool: bool,
        serialize_i8: i8,
        serialize_i16: i16,
        serialize_i32: i32,
        serialize_i64: i64,
        serialize_i128: i128,
        serialize_u8: u8,
        serialize_u16: u16,
        serialize_u32: u32,
        serialize_u64: u64,
        serialize_u128: u128,
        serialize_f32: f32,
        serialize_f64: f64,
        serialize_char: char
    );

    fn serialize_str(self, text: &str) -> Result<(), Error> {
        push_quoted(text, &mut self.0);
        Ok(())
    }

    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Error> {
        self.collect_seq(bytes)
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.0.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _name: &'static str, _index: u32, variant: &'static str) -> Result<(), Error> {
        push_quoted(variant, &mut self.0);
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _name: &'static str, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        let mut entries = self.begin(b"{", b"}");
        entries.field(variant, value)?;
        entries.finish();
        Ok(())
    }

    fn serialize_seq(self, _length: Option<usize>) -> Result<Entries<'writer>, Error> {
        Ok(self.begin(b"[", b"]"))
    }

    fn serialize_tuple(self, _length: usize) -> Result<Entries<'writer>, Error> {
        Ok(self.begin(b"[", b"]"))
    }

    fn serialize_tuple_struct(self, _name: &'static str, _length: usize) -> Result<Entries<'writer>, Error> {
        Ok(self.begin(b"[", b"]"))
    }

    fn serialize_map(self, _length: Option<usize>) -> Result<Entries<'writer>, Error> {
        Ok(self.begin(b"{", b"}"))
    }

    fn serialize_struct(self, _name: &'static str, _length: usize) -> Result<Entries<'writer>, Error> {
        Ok(self.begin(b"{", b"}"))
    }

    variants!(serialize_tuple_variant: b'[' b"]}", serialize_struct_variant: b'{' b"}}");
}

/// A list, however it is called.
macro_rules! lists {
    ($($list:ident :: $item:ident),*) => {
        $(impl $list for Entries<'_> {
            type Ok = ();
            type Error = Error;

            fn $item<T: Serialize + ?Sized>(&mut self, item: &T) -> Result<(), Error> {
                self.item(item)
            }

            fn end(self) -> Result<(), Error> {
                self.finish();
                Ok(())
            }
        })*
    };
}

lists!(
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field
);

/// An object whose names the code gives.
macro_rules! objects {
    ($($object:ident),*) => {
        $(impl $object for Entries<'_> {
            type Ok = ();
            type Error = Error;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Error> {
                self.field(name, value)
            }

            fn end(self) -> Result<(), Error> {
                self.finish();
                Ok(())
            }
        })*
    };
}

objects!(SerializeStruct, SerializeStructVariant);

impl SerializeMap for Entries<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        let writer = self.next();
        let from = writer.0.len();
        key.serialize(&mut *writer)?;
        match writer.0.get(from) {
            Some(b'"') => {}
            Some(b'0'..=b'9' | b'-' | b't' | b'f') => {
                writer.0.insert(from, b'"');
                writer.0.push(b'"');
            }
            Some(_) | None => return Err(Error::custom("a key of a map is a text, a number or a flag")),
        }
        writer.0.push(b':');
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        value.serialize(&mut *self.writer)
    }

    fn end(self) -> Result<(), Error> {
        self.finish();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde::Serialize;
    use serde_json::{Value, json};

    use super::*;

    #[track_caller]
    fn check(record: &impl Serialize) {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        assert_eq!(text(to_vec(record, 0).unwrap()), text(serde_json::to_vec(record).unwrap()));
    }

    #[derive(Serialize)]
    struct Unit;

    #[derive(Serialize)]
    struct Pair(u8, &'static str);

    #[derive(Serialize)]
    enum Variants {
        Bare,
        One(Pair),
        Two(i64, Option<char>),
        Named { real: f64, none: Option<bool> },
    }

    #[derive(Serialize)]
    #[serde(tag = "encoding", content = "content")]
    enum Tagged {
        Text(String),
    }

    #[test]
    fn every_kind_of_value_is_written_as_serde_json_writes_it() {
        check(&(Unit, Pair(7, "seven"), Variants::Bare, Variants::One(Pair(0, ""))));
        check(&[Variants::Two(i64::MIN, Some('"')), Variants::Named { real: 0.1, none: None }]);
        check(&Tagged::Text("a\u{1}\\".into()));
        check(&(f64::NAN, f64::INFINITY, 1e300, 1.0_f32, u128::MAX, true, ()));
        check(&BTreeMap::from([(1, "one"), (-2, "two")]));
        check(&BTreeMap::from([(true, 't'), (false, 'f')]));
        check(&BTreeMap::from([("", Vec::<u8>::new())]));
    }

    #[test]
    fn a_map_whose_keys_are_lists_is_refused_by_both() {
        let odd = BTreeMap::from([(vec![1], 1)]);
        assert!(to_vec(&odd, 0).is_err() && serde_json::to_vec(&odd).is_err());
    }

    fn any_json() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".{0,40}".prop_map(Value::from),
            "[ -~]{0,80}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 40, 6, |inner| {
            let object = prop::collection::btree_map(".{0,12}", inner.clone(), 0..6).prop_map(|fields| json!(fields));
            prop_oneof![prop::collection::vec(inner, 0..6).prop_map(Value::from), object]
        })
    }

    proptest! {
        #[test]
        fn any_json_is_written_as_serde_json_writes_it(value in any_json()) {
            prop_assert_eq!(to_vec(&value, 0).unwrap(), serde_json::to_vec(&value).unwrap());
        }
    }
}
