# The Markdown of docs/ as a man page, so that both are one text.
#
#   awk -v version=0.1.0 -v date=2026-11-22 -v tables=build/man/tables -f markdown.awk PAGE.md
#
# The first line names the page: "# spantop-log(5): the log as an interface".
# A line "@include FILE" puts another document there, without its title, and
# "@tables NAME" what the program's tables (tables.c) say of that.
# Understood: headings, paragraphs, fenced and indented code, lists with "- ",
# tables (the first cell names, the others tell), `code`, **bold**, [text](link).
# In a table of columns the unit follows from the name.

# ---- Text ------------------------------------------------------------------------

function replace_all(s, what, with,    out, at) {
    out = ""
    while ((at = index(s, what)) > 0) {
        out = out substr(s, 1, at - 1) with
        s = substr(s, at + length(what))
    }
    return out s
}

function escape(s) { return replace_all(s, "\\", "\\e") }

function as_code(s) { return replace_all(escape(s), "-", "\\-") }

function without_links(s,    head, label) {
    while (match(s, /\[[^]]*\]\([^)]*\)/)) {
        label = substr(s, RSTART + 1, RLENGTH - 1)
        head = substr(s, 1, RSTART - 1)
        s = substr(s, RSTART + RLENGTH)
        s = head substr(label, 1, index(label, "](") - 1) s
    }
    return s
}

# Marks become fonts.  Inside `code` nothing is a mark, and no word is hyphenated:
# a path or a column in two parts cannot be copied.
function inline(s,    parts, n, i, out, is_bold, at) {
    n = split(without_links(s), parts, "`")
    out = ""
    for (i = 1; i <= n; i++) {
        if (i % 2 == 0) {
            out = out "\\fB\\%" replace_all(as_code(parts[i]), " ", " \\%") (is_bold ? "" : "\\fR")
            continue
        }
        parts[i] = escape(parts[i])
        while ((at = index(parts[i], "**")) > 0) {
            is_bold = !is_bold
            parts[i] = substr(parts[i], 1, at - 1) (is_bold ? "\\fB" : "\\fR") substr(parts[i], at + 2)
        }
        out = out parts[i]
    }
    return out
}

# A line that begins with a dot or a quote would be a request.
function put(line) {
    if (line ~ /^[.']/)
        line = "\\&" line
    print line
}

# Short lines, and a new one for each sentence, as roff wants it.
function put_text(s,    words, n, i, line) {
    n = split(inline(s), words, " ")
    line = ""
    for (i = 1; i <= n; i++) {
        if (line != "" && length(line) + 1 + length(words[i]) > 70) {
            put(line)
            line = ""
        }
        line = line (line == "" ? "" : " ") words[i]
        if (words[i] ~ /[A-Za-z0-9)"`][.]$/) {
            put(line)
            line = ""
        }
    }
    if (line != "")
        put(line)
}

# ---- Blocks ----------------------------------------------------------------------

function flush() {
    if (paragraph == "")
        return
    if (is_item)
        print ".IP \\(bu 2"
    else if (!after_heading)
        print ".PP"
    put_text(paragraph)
    paragraph = ""
    is_item = after_heading = 0
}

function heading(line,    text) {
    flush()
    text = line
    sub(/^#+ */, "", text)
    gsub(/[`*]/, "", text)
    if (line ~ /^## /)
        print ".SH " as_code(toupper(text))
    else
        print ".SS " as_code(text)
    after_heading = 1
}

function begin_code() {
    flush()
    print ".IP"
    print ".EX"
    in_code = 1
    after_heading = 0
}

function end_code() {
    print ".EE"
    in_code = 0
}

# "| a | b |" into cells; a bar inside `code` parts nothing.
function cells_of(line, cells,    n, i, c, in_span) {
    n = 0
    sub(/^\|/, "", line)
    sub(/\| *$/, "", line)
    split("", cells)
    cells[++n] = ""
    for (i = 1; i <= length(line); i++) {
        c = substr(line, i, 1)
        if (c == "`")
            in_span = !in_span
        if (c == "|" && !in_span)
            cells[++n] = ""
        else
            cells[n] = cells[n] c
    }
    for (i = 1; i <= n; i++)
        gsub(/^ +| +$/, "", cells[i])
    return n
}

function unit_of(name) {
    if (name ~ /_at$/)
        return "Unix milliseconds"
    if (name ~ /_ms$/)
        return "milliseconds"
    if (name ~ /_microusd$/)
        return "millionths of a US dollar"
    if (name ~ /bytes/)
        return "bytes"
    if (name ~ /tokens|^context_limit/)
        return "tokens"
    return ""
}

# "`ttft_ms`, `duration_ms`": each unit once.
function units_of(cell,    names, n, i, unit, units) {
    n = split(cell, names, "`")
    for (i = 2; i <= n; i += 2) {
        unit = unit_of(names[i])
        if (unit != "" && index(units, unit) == 0)
            units = units (units == "" ? "" : "; ") unit
    }
    return units
}

function table_row(line,    cells, n, i, text, unit) {
    flush()
    n = cells_of(line, cells)
    if (!in_table) {
        in_table = 1
        for (i in head)
            delete head[i]
        for (i = 1; i <= n; i++)
            head[i] = cells[i]
        return
    }
    if (cells[1] ~ /^-+$/)
        return
    text = cells[2]
    for (i = 3; i <= n; i++)
        if (cells[i] != "")
            text = text (text == "" ? "" : "; ") (head[i] == "" ? "" : head[i] " ") cells[i]
    unit = head[1] == "column" ? units_of(cells[1]) : ""
    if (unit != "")
        text = text (text == "" ? "" : " ") "(" unit ")"
    print ".TP"
    put(inline(cells[1]))
    if (text == "")
        print "\\&"
    else
        put_text(text)
    after_heading = 0
}

# ---- Lines -----------------------------------------------------------------------

function fail(why) {
    print "markdown.awk: " why > "/dev/stderr"
    exit 1
}

function include(file,    line, n) {
    while ((n = (getline line < file)) > 0)
        if (line !~ /^# /)
            take(line)
    if (n < 0)
        fail("cannot read " file)
    close(file)
    take("")
}

function include_tables(what,    command, line, count) {
    command = tables " " what
    while ((command | getline line) > 0) {
        take(line)
        count++
    }
    close(command)
    if (!count)
        fail(command " said nothing")
    take("")
}

function take(line) {
    if (in_code == 1) {
        if (line ~ /^```/)
            end_code()
        else
            put(as_code(line))
        return
    }
    if (in_code == 2) {
        if (line ~ /^    /) {
            put(as_code(substr(line, 5)))
            return
        }
        end_code()
    }
    gsub(/!\[[^]]*\]\([^)]*\)/, "", line) # pictures
    if (line !~ /^\|/)
        in_table = 0
    if (line ~ /^@include /)
        include(substr(line, 10))
    else if (line ~ /^@tables /)
        include_tables(substr(line, 9))
    else if (line ~ /^```/)
        begin_code()
    else if (line ~ /^    / && paragraph == "") {
        begin_code()
        in_code = 2
        put(as_code(substr(line, 5)))
    } else if (line ~ /^#/)
        heading(line)
    else if (line ~ /^\|/)
        table_row(line)
    else if (line ~ /^ *$/)
        flush()
    else if (line ~ /^- /) {
        flush()
        is_item = 1
        paragraph = substr(line, 3)
    } else
        paragraph = paragraph (paragraph == "" ? "" : " ") line
}

NR == 1 {
    match($0, /[a-z.-]+\([0-9]\)/)
    name = substr($0, RSTART, RLENGTH - 3)
    section = substr($0, RSTART + RLENGTH - 2, 1)
    what = substr($0, RSTART + RLENGTH + 2)
    print ".\\\" Made from docs/man/" name "." section ".md and what it includes."
    print ".TH " toupper(name) " " section " " date " \"spantop " version "\" spantop"
    print ".ad l" # long names and paths would tear gaps into full lines
    print ".SH NAME"
    print name " \\- " what
    next
}

{ take($0) }

END { flush() }
