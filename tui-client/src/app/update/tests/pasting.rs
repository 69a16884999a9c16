//! Pastes: never sent by themselves, never lost, offered as code from five lines on.

use super::*;

const CODE: &str = "fn main() {\n    let a = 1;\n    let b = 2;\n    dbg!(a + b);\n}\n";

fn pasted(before: &str, text: &str) -> At {
    let mut at = At::ops();
    at.types(before);
    at.tell(Msg::Paste(text.to_owned()));
    at
}

#[test]
fn five_lines_are_offered_as_a_code_block_and_four_are_not() {
    let mut at = pasted("", CODE);
    assert_eq!(at.app.asked_paste().map(|p| p.lines), Some(5));
    at.keys("tab");
    assert_eq!(at.text(), format!("```\n{}\n```", CODE.trim_end()));
    assert!(at.app.asked_paste().is_none() && at.sent().is_empty());
    at.keys("enter");
    assert_eq!(at.sent().len(), 1);
    assert!(pasted("", "a\nb\nc\nd\n").app.asked_paste().is_none());
    assert!(pasted("", "a\nb\nc\nd\ne").app.asked_paste().is_some());
}

#[test]
fn a_block_stands_on_lines_of_its_own() {
    let mut at = pasted("see ", CODE);
    at.keys("tab");
    assert!(at.text().starts_with("see \n```\nfn main"), "{}", at.text());
    at.types(" thanks");
    assert!(at.text().ends_with("\n``` thanks"), "the cursor stands behind it: {}", at.text());
    let inner = "has ``` in it\n".repeat(5);
    let mut at = pasted("", &inner);
    at.keys("tab");
    assert!(at.text().starts_with("````\n") && at.text().ends_with("\n````"), "{}", at.text());
}

#[test]
fn enter_keeps_it_without_sending_and_esc_takes_it_out_for_undo() {
    let mut at = pasted("", CODE);
    at.keys("enter");
    assert_eq!((at.text(), at.sent().len()), (CODE, 0));
    at.keys("enter");
    assert_eq!(at.sent().len(), 1);
    let mut at = pasted("mine ", CODE);
    at.keys("esc");
    assert_eq!((at.text(), at.app.mode), ("mine ", Mode::Compose));
    at.keys("ctrl+_");
    assert_eq!(at.text(), format!("mine {CODE}"));
}

#[test]
fn who_just_types_on_is_not_held_up() {
    let mut at = pasted("", CODE);
    at.types("could");
    assert_eq!(at.text(), format!("{CODE}could"));
    assert!(at.app.asked_paste().is_none());
    at.keys("ctrl+k esc esc");
    assert_eq!(at.app.mode, Mode::Browse, "the question is gone for good");
}

#[test]
fn what_is_code_already_or_has_its_own_blocks_is_not_asked_about() {
    let mut at = At::ops();
    at.types("```");
    at.keys("alt+enter");
    at.tell(Msg::Paste(CODE.to_owned()));
    assert!(at.app.asked_paste().is_none());
    assert!(pasted("", &format!("text\n```\n{CODE}```\n")).app.asked_paste().is_none());
}

#[test]
fn a_paste_into_a_question_is_not_lost() {
    let mut at = At::ops();
    at.types("/leave");
    at.keys("enter");
    at.tell(Msg::Paste("precious".to_owned()));
    assert_eq!((at.text(), at.app.overlay.is_none()), ("precious", true));
}

#[test]
fn what_is_too_long_is_offered_as_several_messages_and_stays_until_the_answer() {
    let text = (0..1_200).map(|n| format!("line number {n}\n")).collect::<String>();
    let mut at = pasted("", &text);
    at.keys("tab enter");
    let Some(Overlay::Confirm { question, .. }) = &at.app.overlay else { panic!("{:?}", at.toast()) };
    assert!(question.starts_with("Send it to #ops as 3 messages?"), "{question}");
    assert!(question.contains("8000 are allowed"), "{question}");
    at.keys("esc");
    assert!(at.sent().is_empty() && at.text().len() > 16_000);
    at.keys("enter y");
    let sent = at.sent();
    assert_eq!((sent.len(), at.text()), (3, ""));
    assert!(sent.iter().all(|(t, _)| t.starts_with("```\n") && t.ends_with("\n```") && t.len() <= 8_000));
    let lines = sent.iter().flat_map(|(t, _)| t.lines()).filter(|l| l.starts_with("line")).count();
    assert_eq!(lines, 1_200);
}

#[test]
fn what_would_be_too_many_messages_is_kept_and_the_way_out_is_named() {
    let mut at = pasted("", &"line of some length\n".repeat(10_000));
    at.keys("enter enter");
    assert!(at.sent().is_empty() && at.app.overlay.is_none());
    assert!(at.toast().contains("chat-tui send -r ops --split -f FILE"), "{}", at.toast());
    assert_eq!(at.text().lines().count(), 10_000);
}

#[test]
fn beyond_a_megabyte_a_paste_is_cut_and_it_is_said() {
    let at = pasted("", &"0123456789\n".repeat(200_000));
    assert!(at.text().len() <= 1024 * 1024);
    assert!(at.toast().contains("only 1024 kB of the paste fit"), "{}", at.toast());
}
