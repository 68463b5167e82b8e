-- integer columns divide without a fraction
SELECT a / b AS x FROM t
--> SELECT a // b AS x FROM t
--= 3

-- also toward zero
SELECT -a / b AS x FROM t
--> SELECT -a // b AS x FROM t
--= -3

-- and in a chain
SELECT (a / b) / 2 AS x FROM t
--> SELECT (a // b) // 2 AS x FROM t
--= 1

-- counts are integers
SELECT 10 * COUNT(*) / (COUNT(b) + 2) AS x FROM t
--> SELECT 10 * COUNT(*) // (COUNT(b) + 2) AS x FROM t
--= 3

-- so are a count that may not be zero and a count of another table
SELECT 7 / NULLIF(COUNT(*), 0) / (SELECT 2 * COUNT(*) FROM t) AS x FROM t
--> SELECT 7 // NULLIF(COUNT(*), 0) // (SELECT 2 * COUNT(*) FROM t) AS x FROM t
--= 3

-- and their sum over a window
SELECT SUM(a) OVER () / 2 AS x FROM t
--> SELECT SUM(a) OVER () // 2 AS x FROM t
--= 3

-- but not with a floating column
SELECT a / f AS x FROM t
--> SELECT a / f AS x FROM t
--= 3.5

-- nor after a cast, which is 64 bits wide in PostgreSQL
SELECT a::float / b AS x FROM t
--> SELECT CAST(a AS DOUBLE) / b AS x FROM t
--= 3.5

-- nor with a decimal constant
SELECT a / 2.0 AS x FROM t
--> SELECT a / 2.0 AS x FROM t
--= 3.5

-- nor for an average
SELECT AVG(a) / 2 AS x FROM t
--> SELECT AVG(a) / 2 AS x FROM t
--= 3.5

-- numeric without precision keeps its fraction
SELECT CAST(0.123456789 AS numeric) AS x
--> SELECT CAST(0.123456789 AS DOUBLE) AS x
--= 0.123456789

-- numeric with precision stays what it is
SELECT CAST(0.129 AS numeric(5, 2)) AS x
--> SELECT CAST(0.129 AS DECIMAL(5, 2)) AS x
--= 0.13

-- five minutes, not five seconds
SELECT ts + INTERVAL '5 min' AS x FROM t
--> SELECT ts + CAST('5 min' AS INTERVAL) AS x FROM t
--= 2024-03-04 05:11:07

-- an interval of several parts is kept whole
SELECT ts + INTERVAL '1 day 02:03:04' AS x FROM t
--> SELECT ts + CAST('1 day 02:03:04' AS INTERVAL) AS x FROM t
--= 2024-03-05 07:09:11

-- text before an interval may be of any alphabet
SELECT 'Łódź – 東京' AS place, ts - INTERVAL '2 hrs' AS x FROM t
--> SELECT 'Łódź – 東京' AS place, ts - CAST('2 hrs' AS INTERVAL) AS x FROM t
--= Łódź – 東京|2024-03-04 03:06:07

-- a unit after the text belongs to it
SELECT ts + INTERVAL '-5' DAY AS x FROM t
--> SELECT ts + INTERVAL '-5' DAY AS x FROM t
--= 2024-02-28 05:06:07

-- year and month
SELECT to_char(ts, 'YYYY-MM') AS x FROM t
--> SELECT STRFTIME(ts, '%Y-%m') AS x FROM t
--= 2024-03

-- month names are padded to nine characters
SELECT to_char(ts, 'Month YYYY') AS x FROM t
--> SELECT RPAD(STRFTIME(ts, '%B'), 9, ' ') || STRFTIME(ts, ' %Y') AS x FROM t
--= March     2024

-- unless FM says no
SELECT to_char(ts, 'FMMonth FMDD, YYYY') AS x FROM t
--> SELECT STRFTIME(ts, '%B') || STRFTIME(ts, ' %-d, %Y') AS x FROM t
--= March 4, 2024

-- short month names, in the case of the pattern
SELECT to_char(ts, 'Mon/MON') AS x FROM t
--> SELECT STRFTIME(ts, '%b') || STRFTIME(ts, '/') || UPPER(STRFTIME(ts, '%b')) AS x FROM t
--= Mar/MAR

-- day names
SELECT to_char(ts, 'Day') || to_char(ts, 'dy') AS x FROM t
--> SELECT RPAD(STRFTIME(ts, '%A'), 9, ' ') || LOWER(STRFTIME(ts, '%a')) AS x FROM t
--= Monday   mon

-- quarters, with letters in quotes
SELECT to_char(ts, 'YYYY-"Q"Q') AS x FROM t
--> SELECT STRFTIME(ts, '%Y-Q') || CAST(QUARTER(ts) AS TEXT) AS x FROM t
--= 2024-Q1

-- time of day, on both clocks
SELECT to_char(ts, 'HH24:MI:SS HH12:MI AM') AS x FROM t
--> SELECT STRFTIME(ts, '%H:%M:%S %I:%M %p') AS x FROM t
--= 05:06:07 05:06 AM

-- no date stays no date
SELECT to_char(nothing, 'Month YYYY') AS x FROM t
--> SELECT RPAD(STRFTIME(nothing, '%B'), 9, ' ') || STRFTIME(nothing, ' %Y') AS x FROM t
--= NULL

-- a number, right-aligned with room for its sign
SELECT to_char(f * 5, '999.99') AS x FROM t
--> SELECT LPAD(REGEXP_REPLACE(FORMAT('{:.2f}', CAST(f * 5 AS DOUBLE)), '^(-?)0\.', '\1.'), 7, ' ') AS x FROM t
--= '  10.00'

-- a number with thousands and without blanks
SELECT to_char(a * 1000, 'FM999,990.00') AS x FROM t
--> SELECT FORMAT('{:,.2f}', CAST(a * 1000 AS DOUBLE)) AS x FROM t
--= 7,000.00

-- a pattern of SIMILAR TO matches the whole text, and its dot is a dot
SELECT g SIMILAR TO '(A|B)%' AS x, g SIMILAR TO 'A.n' AS y FROM t
--> SELECT REGEXP_FULL_MATCH(g, '(A|B).*') AS x, REGEXP_FULL_MATCH(g, 'A\.n') AS y FROM t
--= true|false

-- substring by pattern gives the first group
SELECT substring(g FROM '[a-z]+') AS x, substring(g FROM 'A(n)') AS y, substring(g FROM '[0-9]+') AS z FROM t
--> SELECT NULLIF(REGEXP_EXTRACT(g, '[a-z]+'), '') AS x, NULLIF(REGEXP_EXTRACT(g, 'A(n)', 1), '') AS y, NULLIF(REGEXP_EXTRACT(g, '[0-9]+'), '') AS z FROM t
--= nn|n|NULL

-- every is bool_and, and what is inside it is translated too
SELECT every(a / b = 3) AS x FROM t
--> SELECT BOOL_AND(a // b = 3) AS x FROM t
--= true

-- NULL comes first in descending order
SELECT v AS x FROM (VALUES (1), (NULL), (2)) AS t(v) ORDER BY v DESC LIMIT 1
--> SELECT v AS x FROM (VALUES (1), (NULL), (2)) AS t(v) ORDER BY v DESC NULLS FIRST LIMIT 1
--= NULL
