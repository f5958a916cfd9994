"""The commands, as an operator types them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str, said: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "ivr", *arguments],
        cwd=ROOT,
        env={"PATH": os.defpath, **environment},
        input=said,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_shipped_definitions_have_no_faults() -> None:
    done = run("check", "--no-audio")
    assert done.returncode == 0, done.stdout
    assert done.stdout.endswith("no faults\n")


def test_a_prompt_without_its_audio_is_a_fault_that_says_which(tmp_path: Path) -> None:
    done = run("check", HOTLINE_DEFINITIONS__SOUNDS=str(tmp_path))
    assert done.returncode == 1
    assert "missing or old; speak makes it: zh/p_welcome, zh/p_emerg" in done.stdout
    assert "no faults" not in done.stdout


def test_a_menu_that_misleads_is_told_with_its_file_and_line(tmp_path: Path) -> None:
    menus = tmp_path / "menus"
    shutil.copytree(ROOT / "dialplans/menus", menus)
    main = (menus / "main.toml").read_text("utf-8")
    (menus / "main.toml").write_text(main.replace('4 = { node = "m_quit" }\n', ""), "utf-8")
    done = run("check", "--no-audio", HOTLINE_DEFINITIONS__MENUS=str(menus))
    assert done.returncode == 1
    line = 1 + main[: main.index('say = ["m_main"]')].count("\n")
    assert f"fault: main.toml:{line}: main.m_main (zh): announces the key 4" in done.stdout


def test_a_broken_menu_is_refused_with_its_place(tmp_path: Path) -> None:
    (tmp_path / "main.toml").write_text('numbers = ["12320"\n', encoding="utf-8")
    done = run("check", HOTLINE_DEFINITIONS__MENUS=str(tmp_path))
    assert done.returncode == 2
    assert "main.toml" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_menu_is_walked_in_the_terminal() -> None:
    done = run("play", "main", said="1\n1\n")
    assert done.returncode == 0
    assert "您好，欢迎拨打12320卫生健康热线。" in done.stdout
    assert done.stdout.rstrip().endswith("=> queue consult, priority P3")


def test_silence_in_the_terminal_reaches_a_person() -> None:
    done = run("play", "main", said="\n\n")
    assert "=> queue anyone" in done.stdout


def test_the_end_of_input_is_a_caller_who_hangs_up() -> None:
    assert run("play", "main").stdout.rstrip().endswith("=> hung up")


def test_an_unknown_menu_is_answered_with_the_known_ones() -> None:
    done = run("play", "mian")
    assert done.returncode == 2
    assert "'mian': expected one of direct, held, main" in done.stderr


def test_a_menu_is_drawn_both_ways() -> None:
    assert run("draw", "main").stdout.startswith("flowchart")
    assert "<svg" in run("draw", "main", "--svg").stdout


def test_a_wrong_setting_is_one_sentence_and_not_a_traceback() -> None:
    done = run("check", HOTLINE_AMI__PROT="1")
    assert done.returncode == 2
    assert "ami.prot: no such key" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_database_that_is_away_is_said_in_one_sentence() -> None:
    done = run("record", "n1-1-1763785000.1", DATABASE_URL="postgresql://127.0.0.1:1/none")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "127.0.0.1" in done.stderr


def test_rows_are_classified_in_order_a_line_each() -> None:
    rows = '{"text": "被狗咬伤，问狂犬疫苗几针"}\n{"text": "想预约眼科专家号", "service": "B"}\n'
    done = run("classify", said=rows)
    assert done.returncode == 0, done.stderr
    first, second = [json.loads(line) for line in done.stdout.splitlines()]
    assert set(first) == {"code", "guess", "path", "confidence", "top", "reason", "review"}
    assert first["guess"].startswith("C")
    assert second["guess"].startswith("B")


def test_a_bad_row_is_named_by_its_line_after_the_good_ones() -> None:
    done = run("classify", said='{"text": "您好，问疫苗"}\n{"text": 7}\n')
    assert done.returncode == 2
    assert len(done.stdout.splitlines()) == 1
    assert "2" in done.stderr
    assert "Traceback" not in done.stderr
