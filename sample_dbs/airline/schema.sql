CREATE TABLE airport (
    code VARCHAR PRIMARY KEY,
    name VARCHAR NOT NULL,
    city VARCHAR NOT NULL,
    country VARCHAR NOT NULL,
    hub BOOLEAN NOT NULL
);
COMMENT ON TABLE airport IS 'Airports; some have no flights';
COMMENT ON COLUMN airport.code IS 'Three-letter IATA code';
COMMENT ON COLUMN airport.name IS 'Airport name';
COMMENT ON COLUMN airport.city IS 'City served; the same city name can exist in several countries';
COMMENT ON COLUMN airport.country IS 'Country name in English';
COMMENT ON COLUMN airport.hub IS 'True for a hub of the airline';

CREATE TABLE aircraft (
    tail VARCHAR PRIMARY KEY,
    maker VARCHAR NOT NULL,
    model VARCHAR NOT NULL,
    seats INTEGER NOT NULL,
    built INTEGER NOT NULL,
    retired DATE
);
COMMENT ON TABLE aircraft IS 'Aircraft of the fleet';
COMMENT ON COLUMN aircraft.tail IS 'Registration, e.g. CS-MRA';
COMMENT ON COLUMN aircraft.maker IS 'Manufacturer: Airbus, Boeing, Embraer, ATR';
COMMENT ON COLUMN aircraft.model IS 'Model without the maker, e.g. A320neo, 787-9';
COMMENT ON COLUMN aircraft.seats IS 'Number of seats';
COMMENT ON COLUMN aircraft.built IS 'Year of construction';
COMMENT ON COLUMN aircraft.retired IS 'Date it left the fleet; NULL if still in the fleet';

CREATE TABLE flight (
    id INTEGER PRIMARY KEY,
    flight_no VARCHAR NOT NULL,
    origin VARCHAR NOT NULL REFERENCES airport (code),
    destination VARCHAR NOT NULL REFERENCES airport (code),
    tail VARCHAR REFERENCES aircraft (tail),
    departs TIMESTAMP NOT NULL,
    minutes INTEGER NOT NULL,
    status VARCHAR NOT NULL,
    delay INTEGER
);
COMMENT ON TABLE flight IS 'Single flights on one date';
COMMENT ON COLUMN flight.id IS 'Key of one flight on one date';
COMMENT ON COLUMN flight.flight_no IS 'Flight number such as MR101, the same on every date';
COMMENT ON COLUMN flight.origin IS 'Airport code of departure';
COMMENT ON COLUMN flight.destination IS 'Airport code of arrival';
COMMENT ON COLUMN flight.tail IS 'Aircraft; NULL if none was assigned';
COMMENT ON COLUMN flight.departs IS 'Scheduled departure, UTC';
COMMENT ON COLUMN flight.minutes IS 'Scheduled duration in minutes';
COMMENT ON COLUMN flight.status IS 'landed, cancelled, diverted or scheduled';
COMMENT ON COLUMN flight.delay IS 'Arrival delay in minutes, negative if early; NULL if not landed or not recorded';

CREATE TABLE passenger (
    id INTEGER PRIMARY KEY,
    first_name VARCHAR NOT NULL,
    last_name VARCHAR NOT NULL,
    country VARCHAR,
    born DATE,
    tier VARCHAR
);
COMMENT ON TABLE passenger IS 'Registered passengers; some have no ticket';
COMMENT ON COLUMN passenger.id IS 'Passenger key; names are not unique';
COMMENT ON COLUMN passenger.first_name IS 'Given name';
COMMENT ON COLUMN passenger.last_name IS 'Family name';
COMMENT ON COLUMN passenger.country IS 'Country of residence; NULL if unknown';
COMMENT ON COLUMN passenger.born IS 'Date of birth; NULL if unknown';
COMMENT ON COLUMN passenger.tier IS 'Loyalty tier: Silver, Gold, Platinum; NULL if none';

CREATE TABLE ticket (
    id INTEGER PRIMARY KEY,
    flight_id INTEGER NOT NULL REFERENCES flight (id),
    passenger_id INTEGER NOT NULL REFERENCES passenger (id),
    fare VARCHAR NOT NULL,
    price DECIMAL(10,2),
    booked DATE NOT NULL,
    seat VARCHAR
);
COMMENT ON TABLE ticket IS 'Tickets: one passenger on one flight';
COMMENT ON COLUMN ticket.id IS 'Ticket key';
COMMENT ON COLUMN ticket.flight_id IS 'Flight of the ticket';
COMMENT ON COLUMN ticket.passenger_id IS 'Passenger of the ticket';
COMMENT ON COLUMN ticket.fare IS 'Fare class: Economy, Premium, Business, First';
COMMENT ON COLUMN ticket.price IS 'Price in euros; NULL if paid with miles';
COMMENT ON COLUMN ticket.booked IS 'Booking date';
COMMENT ON COLUMN ticket.seat IS 'Seat such as 12A; NULL if not checked in';

CREATE TABLE crew (
    id INTEGER PRIMARY KEY,
    name VARCHAR NOT NULL,
    job VARCHAR NOT NULL,
    base VARCHAR REFERENCES airport (code),
    hired DATE NOT NULL,
    boss_id INTEGER
);
COMMENT ON TABLE crew IS 'Crew members';
COMMENT ON COLUMN crew.id IS 'Crew member key; names are not unique';
COMMENT ON COLUMN crew.name IS 'Full name';
COMMENT ON COLUMN crew.job IS 'Captain, First Officer, Purser or Flight Attendant';
COMMENT ON COLUMN crew.base IS 'Airport code of the home base; NULL if none yet';
COMMENT ON COLUMN crew.hired IS 'Date of hiring';
COMMENT ON COLUMN crew.boss_id IS 'crew.id of the boss; NULL at the top';

CREATE TABLE duty (
    flight_id INTEGER NOT NULL REFERENCES flight (id),
    crew_id INTEGER NOT NULL REFERENCES crew (id),
    PRIMARY KEY (flight_id, crew_id)
);
COMMENT ON TABLE duty IS 'Which crew members worked on which flight';
COMMENT ON COLUMN duty.flight_id IS 'Flight';
COMMENT ON COLUMN duty.crew_id IS 'Crew member on board';
