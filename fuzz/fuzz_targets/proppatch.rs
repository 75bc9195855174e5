//! Bodies of PROPPATCH: what one asks for can be written as another that asks for the same.
#![no_main]

use commonhold::dav::bodies::{PropOp, PropertyUpdate};
use commonhold::dav::xml::{QName, XmlWriter};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|body: &[u8]| {
    let Ok(update) = PropertyUpdate::parse(body) else { return };
    if update.ops.is_empty() {
        return;
    }
    let mut writer = XmlWriter::new(&QName::dav("propertyupdate"), &[]);
    for op in &update.ops {
        let step = match op {
            PropOp::Set { .. } => "set",
            PropOp::Remove(_) => "remove",
        };
        writer.start(&QName::dav(step));
        writer.start(&QName::dav("prop"));
        match op {
            PropOp::Set { name, value } => writer.value(name, value),
            PropOp::Remove(name) => writer.empty(name),
        }
        writer.end();
        writer.end();
    }
    match PropertyUpdate::parse(&writer.finish()) {
        Ok(again) => assert_eq!(again, update),
        // Each step has an element of its own here; only that may take it over the reader's limit of elements or depth.
        Err(error) => {
            assert!(error.to_string().contains("more than") || error.to_string().contains("deeper"), "{error}")
        }
    }
});
