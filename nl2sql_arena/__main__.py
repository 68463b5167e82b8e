from nl2sql_arena.cli import main

main()
