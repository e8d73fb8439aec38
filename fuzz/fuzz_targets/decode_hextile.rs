#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    lucarne::fuzzing::decoder(lucarne::rfb::encoding::number::HEXTILE, data);
});
