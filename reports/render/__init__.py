"""One renderer a file: a verdict in, one of the run's files or the terminal's closing block out. Nothing is judged.

html: report.html, with pictures by charts and spark    junit: junit.xml    summary: summary.md
verdict_json: verdict.json    terminal: what a run prints at its end
"""
