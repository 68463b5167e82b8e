BEGIN TRANSACTION;
CREATE TABLE battles (
	id VARCHAR NOT NULL, 
	created VARCHAR NOT NULL, 
	db VARCHAR NOT NULL, 
	question VARCHAR NOT NULL, 
	example_id VARCHAR NOT NULL, 
	split VARCHAR NOT NULL, 
	chosen VARCHAR NOT NULL, 
	profile VARCHAR NOT NULL, 
	voter VARCHAR NOT NULL, 
	app_version VARCHAR NOT NULL, 
	blind BOOLEAN NOT NULL, 
	difference VARCHAR NOT NULL, 
	model_a VARCHAR NOT NULL, 
	revision_a VARCHAR NOT NULL, 
	precision_a VARCHAR NOT NULL, 
	prompt_a TEXT NOT NULL, 
	raw_a TEXT NOT NULL, 
	sql_a TEXT NOT NULL, 
	outcome_a VARCHAR NOT NULL, 
	message_a TEXT NOT NULL, 
	row_count_a INTEGER NOT NULL, 
	tokens_a INTEGER NOT NULL, 
	seconds_a FLOAT NOT NULL, 
	model_b VARCHAR NOT NULL, 
	revision_b VARCHAR NOT NULL, 
	precision_b VARCHAR NOT NULL, 
	prompt_b TEXT NOT NULL, 
	raw_b TEXT NOT NULL, 
	sql_b TEXT NOT NULL, 
	outcome_b VARCHAR NOT NULL, 
	message_b TEXT NOT NULL, 
	row_count_b INTEGER NOT NULL, 
	tokens_b INTEGER NOT NULL, 
	seconds_b FLOAT NOT NULL, 
	PRIMARY KEY (id)
);
INSERT INTO "battles" VALUES('one','2026-11-28T05:31:01.326+00:00','shop','How many?','shop-002','arena','example','mini','visitor-ann','0.1.0',1,'different','alpha','r1','fp32 on cpu','schema How many?','SELECT 1;','SELECT 1','ok','',1,4,0.25,'beta','r2','fp32 on cpu','schema How many?','SELECT 2;','SELECT 2','ok','',1,4,0.25);
INSERT INTO "battles" VALUES('two','2026-11-28T05:31:01.336+00:00','shop','How many?','shop-002','arena','example','mini','visitor-bob','0.1.0',1,'different','alpha','r1','fp32 on cpu','schema How many?','SELECT 1;','SELECT 1','ok','',1,4,0.25,'beta','r2','fp32 on cpu','schema How many?','SELECT 2;','SELECT 2','ok','',1,4,0.25);
INSERT INTO "battles" VALUES('three','2026-11-28T05:31:01.344+00:00','shop','How many?','shop-002','arena','example','mini','visitor-ann','0.1.0',1,'different','alpha','r1','fp32 on cpu','schema How many?','SELECT 1;','SELECT 1','ok','',1,4,0.25,'beta','r2','fp32 on cpu','schema How many?','SELECT 2;','SELECT 2','ok','',1,4,0.25);
CREATE TABLE events (
	id INTEGER NOT NULL, 
	battle_id VARCHAR NOT NULL, 
	kind VARCHAR NOT NULL, 
	winner VARCHAR, 
	blind BOOLEAN NOT NULL, 
	created VARCHAR NOT NULL, 
	voter VARCHAR NOT NULL, 
	split VARCHAR NOT NULL, 
	chosen VARCHAR NOT NULL, 
	profile VARCHAR NOT NULL, 
	model_a VARCHAR NOT NULL, 
	revision_a VARCHAR NOT NULL, 
	model_b VARCHAR NOT NULL, 
	revision_b VARCHAR NOT NULL, 
	PRIMARY KEY (id), 
	FOREIGN KEY(battle_id) REFERENCES battles (id)
);
INSERT INTO "events" VALUES(1,'one','vote','model_a',1,'2026-11-28T05:31:01.332+00:00','visitor-ann','arena','example','mini','alpha','r1','beta','r2');
INSERT INTO "events" VALUES(2,'two','vote','tie',1,'2026-11-28T05:31:01.343+00:00','visitor-bob','arena','example','mini','alpha','r1','beta','r2');
CREATE UNIQUE INDEX one_vote_a_battle ON events (battle_id) WHERE kind = 'vote';
COMMIT;
