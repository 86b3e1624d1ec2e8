//! Telling Valgrind's callgrind what to count. Outside of Valgrind all of it does nothing.

/// Counts the instructions of `work` and of nothing else, when the program runs under
/// `valgrind --tool=callgrind --instr-atstart=no`. Until then it runs several times faster than under counting, which is
/// what lets a set-up be large.
pub fn counted<T>(work: impl FnOnce() -> T) -> T {
    request(START_INSTRUMENTATION);
    let output = work();
    request(STOP_INSTRUMENTATION);
    output
}

/// `callgrind.h`: the tool's requests begin at `'C' << 24 | 'T' << 16`.
const START_INSTRUMENTATION: usize = 0x4354_0004;
const STOP_INSTRUMENTATION: usize = 0x4354_0005;

/// A client request of `valgrind.h`: instructions that leave every register as it was, and that Valgrind knows.
#[expect(unsafe_code, reason = "there is no other way to speak to Valgrind from inside the program")]
fn request(what: usize) {
    let arguments = [what, 0, 0, 0, 0, 0];
    // SAFETY: on a processor the rotations add up to whole turns and the last instruction moves a register to itself.
    // Valgrind reads six words at `arguments` and writes the one register that is named as output.
    #[cfg(target_arch = "x86_64")]
    unsafe {
        std::arch::asm!(
            "rol rdi, 3", "rol rdi, 13", "rol rdi, 61", "rol rdi, 51", "xchg rbx, rbx",
            in("rax") arguments.as_ptr(), inout("rdx") 0_usize => _,
        );
    }
    // SAFETY: as above.
    #[cfg(target_arch = "aarch64")]
    unsafe {
        std::arch::asm!(
            "ror x12, x12, #3", "ror x12, x12, #13", "ror x12, x12, #51", "ror x12, x12, #61", "orr x10, x10, x10",
            in("x4") arguments.as_ptr(), inout("x3") 0_usize => _,
        );
    }
    std::hint::black_box(arguments);
}
