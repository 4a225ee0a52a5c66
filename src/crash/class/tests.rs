//! What each crash is taken for.
//! In: facts painted by hand. Out: the class, how sure, and the evidence.

use super::*;

fn facts(message: &str) -> Facts<'_> {
    Facts {
        message,
        op: Some(Op::Write),
        faulted: false,
        writing: Some(true),
        second: None,
        map_known: true,
        stacks_complete: true,
        arch: "amd64",
        findings: Some(0),
        causes: &[],
        issues: &[],
        libraries: &[],
    }
}

fn second(grade: Grade, op: Op) -> Option<Second> {
    Some(Second {
        goroutine: 7,
        grade,
        op: Some(op),
        entering: false,
        live: true,
    })
}

#[test]
fn what_the_runtime_noticed_is_concurrent_use_and_surer_with_the_other_at_hand() {
    let alone = classify(&facts("fatal error: concurrent map writes"));
    assert_eq!(alone.class, CrashClass::ConcurrentUse);
    assert!(alone.evidence.iter().any(|e| !e.speaks_for));
    let both = classify(&Facts {
        second: second(Grade::InMapCode, Op::Write),
        ..facts("fatal error: concurrent map writes")
    });
    assert_eq!(both.class, CrashClass::ConcurrentUse);
    assert!(both.confidence > alone.confidence);
    assert!(both.evidence.iter().all(|e| e.speaks_for));
}

#[test]
fn a_map_that_contradicts_itself_is_no_proof_of_a_second_writer() {
    for message in [
        "fatal error: small map with no empty slot (concurrent map writes?)",
        "fatal error: bad map state",
    ] {
        let cause = classify(&facts(message));
        assert_eq!(cause.class, CrashClass::ConcurrentUse);
        assert_eq!(cause.confidence, 50, "{message}");
    }
}

#[test]
fn a_nil_map_and_an_unhashable_key_are_the_programs_own_errors() {
    for message in [
        "panic: assignment to entry in nil map",
        "panic: runtime error: hash of unhashable type []int",
    ] {
        assert_eq!(classify(&facts(message)).class, CrashClass::ProgramError);
    }
}

#[test]
fn a_reader_that_faults_in_a_whole_map_is_publication_only_where_memory_is_weak() {
    let fault = |arch| {
        classify(&Facts {
            op: Some(Op::Read),
            faulted: true,
            writing: Some(false),
            arch,
            ..facts("panic: runtime error: invalid memory address or nil pointer dereference")
        })
    };
    assert_eq!(fault("arm64").class, CrashClass::UnsafePublication);
    assert_eq!(fault("amd64").class, CrashClass::Unknown);
    assert_eq!(fault("amd64").confidence, 0);
}

#[test]
fn damage_is_what_its_findings_say_and_a_second_party_speaks_against_a_flipped_bit() {
    let flip = [Cause {
        class: Class::BitFlip,
        percent: 90,
        explains: 2,
        of: 2,
        words: Vec::new(),
        text: "bit 3 of B".into(),
    }];
    let seen = classify(&Facts {
        findings: Some(2),
        causes: &flip,
        second: second(Grade::InMapCode, Op::Write),
        ..facts("fatal error: fault")
    });
    assert_eq!(seen.class, CrashClass::BitFlip);
    assert!(seen.evidence.iter().any(|e| !e.speaks_for));
}

#[test]
fn nothing_known_is_unknown_and_says_why() {
    let none = classify(&Facts {
        findings: None,
        writing: None,
        ..facts("fatal error: fault")
    });
    assert_eq!(none.class, CrashClass::Unknown);
    assert!(!none.evidence.is_empty());
}
