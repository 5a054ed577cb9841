"""The fault list of the guarantees: each case and the tests that cover it.

A test is named by file and function; brackets name the case file, or the generated case, that it reads.
"""

from __future__ import annotations

import ast
from difflib import get_close_matches
from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[2]
ANY = "normalizer/test_cases.py::test_case"
CONFIG = "config/test_loading.py::test_case"
GENERATED = TESTS / "normalizer/conftest.py"


def seeds(*names: str) -> tuple[str, ...]:
    return tuple(f"{ANY}[{name}]" for name in names)


def configs(*names: str) -> tuple[str, ...]:
    return tuple(f"{CONFIG}[{name}]" for name in names)


SEED_FILES = {
    "a good neighbour is published in the same turn": ("normalizer/test_cases.py::test_a_good_neighbour_is_published",),
    "unclosed quote": seeds("unclosed-quote", "unclosed-quote-closed-below"),
    "tab indent": seeds("tab-indent"),
    "`title: Foo: bar`": seeds("colon-in-title"),
    "duplicate key": seeds("duplicate-key"),
    "no front matter": seeds("no-front-matter", "no-front-matter-html", "no-opening-line"),
    "no closing ---": seeds("no-closing-line", "only-opening-line"),
    "--- inside the body": seeds("dashes-in-body", "dashes-with-blanks"),
    "empty or 0-byte file": (
        *seeds("empty-file", "blank-file"), "promises/test_guarantees.py::test_an_emptied_file_is_half_a_save_not_a_deletion",
    ),
    "a good file cut at every byte offset": ("normalizer/test_seed.py::test_a_seed_cut_at_any_byte",),
    "not UTF-8, UTF-16, Latin-1": seeds("encoding-latin-1", "encoding-utf-16", "encoding-utf-16-be", "encoding-zip"),
    "BOM, CRLF, CR only, U+2028": (
        *seeds("bom", "line-breaks-crlf", "line-breaks-cr", "line-breaks-u2028"),
        "normalizer/test_cases.py::test_line_breaks_and_bom_make_no_difference",
    ),
    "raw and escaped control characters": seeds("controls-raw", "controls-escaped", "controls-in-the-body"),
    "surrogates": seeds("encoding-surrogates", "surrogate-escape", "surrogate-pair-escape"),
    "impossible date": seeds("date-impossible", "date-impossible-february", "date-impossible-time"),
    "naive date": seeds("date-naive", "date-naive-summer"),
    "date only": seeds("date-only"),
    "year 1": seeds("date-year-1"),
    "year 9999": seeds("date-year-9999", "date-year-9999-and-more"),
    "list where text is expected and the reverse": seeds("title-is-a-list", "topics-is-text", "images-is-text"),
    "NaN and infinity as quality": seeds("quality-nan", "quality-infinity"),
    '`published: "false"` as text': seeds("published-as-text"),
    "alias bomb": (*seeds("alias-bomb"), "config/yaml/test_tree.py::test_bombs_are_refused_at_once"),
    "merge bomb": (*seeds("merge-bomb"), "config/yaml/test_tree.py::test_bombs_are_refused_at_once"),
    "25,000-deep nesting": (*seeds("bomb-nested-lists", "bomb-nested-mappings"), "config/yaml/test_tree.py::test_depth"),
    "100 MB file": (
        *seeds("bomb-100-mb"), "watcher/test_files.py::test_a_file_beyond_the_limit_is_rejected_unread",
        "promises/faults/test_further_cases.py::test_bombs_stay_within_little_memory",
    ),
    "10 MB line": (
        *seeds("bomb-10-mb-line", "bomb-300-kb-line"), "promises/faults/test_further_cases.py::test_bombs_stay_within_little_memory",
    ),
    "5,000 topics on one item": seeds("topics-5000"),
    "title of 100,000 characters": seeds("title-of-100000"),
    "link without a scheme": seeds("link-without-scheme", "link-without-scheme-slashes"),
    "`javascript:` link": seeds("link-javascript", "link-javascript-hidden"),
    "link with spaces and non-ASCII host": seeds("link-spaces-and-host"),
    "relative image": seeds("image-relative"),
}  # fmt: skip

CONFIGURATION = {
    "invalid YAML": (
        *configs("invalid_yaml_open_quote", "invalid_yaml_tab"),
        "service/test_reload.py::test_an_invalid_config_is_rejected_and_a_corrected_one_reloaded",
    ),
    "unknown key": configs("unknown_key", "unknown_key_far"),
    "wrong type": configs("wrong_type_integer", "wrong_type_list", "wrong_type_mapping", "wrong_type_text"),
    "bad regex": configs("bad_regex"),
    "unknown zone": configs("unknown_timezone"),
    "invalid cron": configs("cron_four_fields", "cron_no_number", "cron_out_of_range", "cron_never"),
    "zero interval": configs("zero_interval"),
    "seeds inside feeds or the reverse": configs("seeds_inside_feeds", "feeds_inside_seeds", "seeds_equal_feeds"),
    "missing folder": (
        "cli/test_commands.py::test_a_missing_seeds_folder_is_an_error_that_names_it",
        "promises/test_guarantees.py::test_a_missing_root_withdraws_nothing",
    ),
    "deleted while running": (
        "service/test_reload.py::test_a_deleted_config_changes_nothing_until_it_is_back",
        "service/test_folder.py::test_a_root_that_is_removed_and_created_again_is_followed",
    ),
    "emptied while running": (
        "promises/faults/test_further_cases.py::test_an_emptied_config_is_refused_while_the_daemon_runs",
        "service/test_folder.py::test_a_root_emptied_file_by_file_withdraws_nothing_until_accepted",
    ),
    "100 reloads a second": ("service/test_reload.py::test_of_fifty_rewrites_in_a_row_the_last_wins",),
    "all problems at once, before any feed is touched": (
        *configs("several_at_once"), "cli/test_commands.py::test_a_config_that_cannot_be_used_ends_with_2_before_anything_is_touched",
    ),
}  # fmt: skip

CHANGES = "service/test_changes.py::"
FOLDER = "service/test_folder.py::"
FAILURES = "publisher/test_files_failures.py::"
FILE_SYSTEM = {
    "20,000 files at once, plain and by rename": (
        f"{CHANGES}test_hundreds_of_files_at_once_are_all_published",
        f"{CHANGES}test_very_many_files_at_once_are_all_published",
    ),
    "6,000 folders": (f"{CHANGES}test_hundreds_of_folders_are_watched", f"{CHANGES}test_thousands_of_folders_are_watched"),
    "mkdir + write × 2,000": (
        f"{CHANGES}test_seeds_in_new_deep_folders_are_found", f"{CHANGES}test_seeds_in_very_many_new_folders_are_found",
    ),
    "folder moved in, out and within": (f"{CHANGES}test_folders_that_are_added_renamed_and_removed_are_followed",),
    "rm -rf of the root and recreate": (f"{FOLDER}test_a_root_that_is_removed_and_created_again_is_followed",),
    "root moved and replaced": (
        f"{FOLDER}test_a_root_that_is_moved_away_and_back_loses_nothing",
        f"{FOLDER}test_a_root_that_is_replaced_by_another_folder_is_followed",
    ),
    "unreadable file and folder": (
        "site/test_build.py::test_a_file_that_can_never_be_read_is_no_change_in_every_turn",
        "promises/test_guarantees.py::test_a_folder_that_cannot_be_read_keeps_its_seeds",
    ),
    "git checkout of another branch and back": (f"{CHANGES}test_a_checkout_of_another_branch_and_back_is_followed",),
    "content swapped with size and mtime kept": (
        "promises/test_guarantees.py::test_a_change_that_keeps_size_and_mtime_is_noticed",
    ),
    "saves by vim, VS Code, rsync, sed -i, a slow writer": (f"{CHANGES}test_every_way_to_save_a_file_is_seen",),
    "symlinked root retargeted": (f"{FOLDER}test_a_root_that_is_a_link_can_be_pointed_elsewhere",),
    "FIFO and socket among the seeds": ("watcher/test_files.py::test_pipes_sockets_and_folders_are_rejected_without_blocking",),
    "device among the seeds": ("promises/faults/test_further_cases.py::test_a_device_among_the_seeds_is_not_read",),
    "disk full at each write": (
        "promises/faults/test_nth_operation.py::test_every_operation_that_fails_leaves_whole_feeds",
        f"{FAILURES}test_the_nth_failing_operation_leaves_complete_files",
        f"{FAILURES}test_a_real_limit_is_reported_with_the_systems_reason",
        "service/test_trouble.py::test_a_full_disk_is_reported_and_survived",
    ),
    "read-only feeds": (f"{FAILURES}test_a_real_limit_is_reported_with_the_systems_reason",),
    "stale temp files": ("publisher/test_files_folder.py::test_leftover_temporary_files_are_removed_and_other_files_stay",),
}  # fmt: skip

STOPPING = "service/test_stopping.py::"
PROCESS = {
    "kill -9 at random": (
        "promises/faults/test_kills.py::test_three_killed_builds_leave_complete_feeds",
        "promises/faults/test_kills.py::test_three_killed_daemons_leave_complete_feeds",
        f"{FAILURES}test_a_kill_at_any_moment_leaves_complete_files", "service/test_push.py::test_no_kill_loses_a_change",
    ),
    "n-th operation fails": ("promises/faults/test_nth_operation.py::test_some_operations_that_fail_leave_whole_feeds",),
    "SIGTERM in a burst": (f"{STOPPING}test_sigterm_in_a_burst_stops_within_five_seconds",),
    "second SIGTERM": (f"{STOPPING}test_a_second_signal_ends_it_at_once",),
    "SIGSTOP and CONT": ("service/test_due.py::test_moments_missed_while_suspended_are_caught_up",),
    "each thread killed": (
        "service/test_watcher_faults.py::test_a_thread_that_dies_is_noticed_and_started_again",
        "service/test_push.py::test_a_thread_that_dies_is_started_again",
        "service/test_server_process.py::test_a_killed_server_is_restarted",
    ),
    "closed stdout": (
        "cli/test_commands.py::test_a_closed_standard_output_is_no_traceback",
        "service/test_logs.py::test_a_closed_stream_does_not_stop_the_feeds",
    ),
    "32 file descriptors": (
        f"{FAILURES}test_running_out_of_open_files_is_named_and_leaks_none",
        "promises/faults/test_further_cases.py::test_a_build_with_32_file_descriptors_succeeds",
    ),
    "damaged database": (
        "promises/test_guarantees.py::test_a_damaged_index_is_made_anew", "index/test_index.py::test_no_flipped_bit_reaches_a_reader",
        "service/test_trouble.py::test_a_damaged_index_is_replaced_at_run_time",
    ),
    "missing database": ("promises/test_guarantees.py::test_what_was_deleted_or_altered_is_restored",),
    "locked database": ("index/test_index.py::test_a_locked_index_is_reported_and_left_alone",),
    "newer database": ("promises/test_guarantees.py::test_an_index_of_another_version_is_made_anew_and_keeps_the_ids",),
    "two daemons": (f"{STOPPING}test_a_second_daemon_on_one_state_folder_exits",),
}  # fmt: skip

CLOCK = {
    "±60 s, ±1 h, +10 years": (
        "service/test_clock.py::test_feeds_follow_a_clock_that_is_set_forwards_and_back",
        "promises/faults/test_further_cases.py::test_a_clock_that_steps_shows_what_is_due_by_it",
    ),
    "1970 at boot": (
        "promises/faults/test_further_cases.py::test_a_clock_of_1970_at_boot_costs_nothing_once_it_is_right",
    ),
    "DST days": ("watcher/test_schedule.py::test_days_of_clock_changes_skip_and_double_nothing",),
    "seed mtime in the future": (
        "promises/faults/test_further_cases.py::test_a_seed_from_the_future_is_read_whenever_it_changes",
    ),
    "item due while down": ("service/test_due.py::test_moments_missed_while_it_does_not_run_are_caught_up",),
}

SERVER = "service/http/test_server.py::"
OWNER = "service/http/test_access.py::"
ANSWERS = "service/http/test_responses.py::"
HTTP = {
    "slow headers": (f"{SERVER}test_slow_headers_are_cut_off",),
    "slow bodies": (f"{OWNER}test_a_body_that_never_arrives_blocks_nobody", f"{SERVER}test_a_client_that_reads_nothing_is_cut_off"),
    "connection cap": (f"{SERVER}test_connections_are_capped_and_the_next_wait",),
    "HEAD": (f"{SERVER}test_head_equals_get", f"{ANSWERS}test_head_is_get_without_the_body"),
    "Range": (f"{SERVER}test_parts_make_the_whole", f"{ANSWERS}test_a_range_beyond_the_end_is_rejected"),
    "conditional requests": (f"{ANSWERS}test_if_none_match_beats_if_modified_since", f"{ANSWERS}test_the_order_of_conditions"),
    "compression": (f"{ANSWERS}test_the_coding_is_what_the_client_weighs_highest",),
    "ETag stable over restarts": (f"{SERVER}test_etags_survive_a_restart",),
    "feed replaced during a download": (f"{SERVER}test_a_feed_that_is_being_replaced_is_always_complete",),
    "port in use": (
        f"{SERVER}test_a_port_in_use_is_named", "service/test_server_process.py::test_a_port_that_is_taken_at_the_start",
        "service/test_server_process.py::test_a_port_that_is_taken_at_a_reload",
    ),
    "malformed request line": (f"{SERVER}test_invalid_requests_are_rejected",),
    "100 kB header": (f"{SERVER}test_too_many_headers_are_rejected",),
    "unknown method": (f"{SERVER}test_other_methods_are_rejected",),
    "a storm of triggers": (
        f"{OWNER}test_many_triggers_share_few_turns", "service/test_trigger.py::test_fifty_triggers_at_once_become_few_turns",
    ),
    "traversal, double-encoded, backslashes": (
        f"{SERVER}test_nothing_else_is_served", "service/http/test_document_cache.py::test_no_path_gets_anything_but_document_names",
    ),
    "dot and temp files": (f"{SERVER}test_nothing_else_is_served",),
}  # fmt: skip

XSS = "outside/browser/test_xss.py::test_hostile_text_does_not_run_or_become_an_element"
ANY_TEXT = "renderer/test_any_text.py::"
SECURITY = {
    "topic names that lead elsewhere": (
        "site/test_build.py::test_no_topic_name_leads_out_of_the_feeds_folder",
        "publisher/test_files.py::test_no_name_leads_out_of_the_folder",
    ),
    "two names with one slug": (
        "site/test_build.py::test_two_topic_names_with_one_slug_are_named_both", *configs("topics_with_one_slug"),
    ),
    "symlinked seed that points outside": (
        "promises/test_guarantees.py::test_what_is_no_seed_is_never_followed_or_waited_for",
        "watcher/test_files.py::test_links_are_not_followed_wherever_they_are_on_the_way",
    ),
    "symlinked seed swapped in a race": (
        "promises/faults/test_further_cases.py::test_a_seed_swapped_for_a_link_never_leads_outside",
        "promises/faults/test_further_cases.py::test_seeds_that_become_links_between_scan_and_reading_show_nothing_from_outside",
    ),
    "planted symlink where a feed is to be written": (
        "publisher/test_files_folder.py::test_a_planted_link_is_replaced_and_never_followed",
        "publisher/test_files_folder.py::test_a_file_swapped_at_the_last_moment_is_replaced",
        "promises/faults/test_further_cases.py::test_links_planted_while_feeds_are_written_are_never_followed",
    ),
    "`<script>`, `onerror=`, `data:`, `javascript:` in every text field": (
        XSS, "normalizer/test_content.py::test_nothing_dangerous_comes_out", f"{ANY_TEXT}test_pages_hold_text_as_text",
    ),
    "CSP on pages": (
        "renderer/test_page.py::test_policy_allows_only_our_style_and_script", f"{ANSWERS}test_a_page_repeats_its_own_policy",
    ),
    "`]]>`, `<!DOCTYPE`, entities, `</item><item>`": (
        f"{ANY_TEXT}test_rss", f"{ANY_TEXT}test_atom", f"{ANY_TEXT}test_json", f"{ANY_TEXT}test_opml",
        "outside/clients/test_readers.py::test_every_reader_shows_the_same_items",
    ),
    "trigger token compared in constant time": (
        "promises/faults/test_further_cases.py::test_the_token_is_compared_in_constant_time", f"{OWNER}test_a_wrong_token_is_rejected",
    ),
    "absent token means the endpoint is off": (f"{OWNER}test_without_a_token_there_is_no_trigger",),
    "Host header not trusted for links": ("promises/faults/test_further_cases.py::test_a_strange_host_changes_no_link",),
}  # fmt: skip

LIST = {
    f"{part}: {case}": tests
    for part, cases in {
        "Seed files": SEED_FILES, "Config": CONFIGURATION, "File system": FILE_SYSTEM, "Process": PROCESS,
        "Clock": CLOCK, "HTTP": HTTP, "Security": SECURITY,
    }.items()
    for case, tests in cases.items()
}  # fmt: skip


@cache
def functions(path: Path) -> frozenset[str]:
    """Return the names of the functions of a file, without importing it."""
    tree = ast.parse(path.read_text())
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef))


@cache
def generated() -> frozenset[str]:
    """Return the names of the cases that are generated, not kept as files."""
    tree = ast.parse(GENERATED.read_text())
    keys = (key for node in ast.walk(tree) if isinstance(node, ast.Dict) for key in node.keys)
    return frozenset(key.value for key in keys if isinstance(key, ast.Constant) and isinstance(key.value, str))


def missing_reference(node: str) -> str:
    """Return what is wrong with a reference to a test, or "" if the test and its case exist."""
    test, _, case = node.partition("[")
    path, _, name = test.partition("::")
    if not (TESTS / path).is_file():
        return f"no such test: {test} (tests/{path} does not exist)"
    if name not in functions(TESTS / path):
        similar = get_close_matches(name, functions(TESTS / path), n=1, cutoff=0) or ["none"]
        return f"no such test: {test} (the most similar name in that file: {similar[0]})"
    folder, ending = ("config", "yaml") if path == "config/test_loading.py" else ("seeds", "md")
    case = case.rstrip("]")
    known = not case or case in generated() or (TESTS / f"cases/{folder}/{case}.{ending}").is_file()
    return "" if known else f"no such case: {node}"


@pytest.mark.parametrize("case", LIST)
def test_each_case_of_the_fault_list_has_its_tests(case: str) -> None:
    """Each case names at least one test, and every test and case file that it names exists."""
    assert LIST[case]
    wrong = [reason for reason in map(missing_reference, LIST[case]) if reason]
    assert wrong == [], f"{case}: rename in {Path(__file__).name}:\n" + "\n".join(wrong)


def test_a_test_that_is_gone_is_noticed() -> None:
    """A renamed test or a removed case file is named."""
    assert "no such test" in missing_reference("cli/test_commands.py::test_that_never_was")
    assert "no such test" in missing_reference("no_file.py::test_that_never_was")
    assert "no such case" in missing_reference(f"{ANY}[never-was]")
