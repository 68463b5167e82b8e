CREATE TABLE films (
    id INTEGER PRIMARY KEY,
    title VARCHAR NOT NULL,
    director VARCHAR,
    genre VARCHAR NOT NULL,
    country VARCHAR NOT NULL,
    language VARCHAR NOT NULL,
    runtime_minutes INTEGER,
    age_rating VARCHAR,
    premiered_on DATE NOT NULL,
    budget_millions DECIMAL(6,1)
);
COMMENT ON TABLE films IS 'Films in the chain''s catalogue, also those it never showed';
COMMENT ON COLUMN films.id IS 'Film number';
COMMENT ON COLUMN films.title IS 'Title; a remake may carry the title of an older film';
COMMENT ON COLUMN films.director IS 'Full name of the director, NULL if not recorded';
COMMENT ON COLUMN films.genre IS 'One of drama, comedy, thriller, animation, documentary, horror, science fiction, romance, musical';
COMMENT ON COLUMN films.country IS 'Country of production, English name such as France';
COMMENT ON COLUMN films.language IS 'Original language, English name such as Portuguese';
COMMENT ON COLUMN films.runtime_minutes IS 'Length in minutes, NULL if unknown';
COMMENT ON COLUMN films.age_rating IS 'One of U, PG, 12, 15, 18; NULL if not rated';
COMMENT ON COLUMN films.premiered_on IS 'Day of the first public showing anywhere';
COMMENT ON COLUMN films.budget_millions IS 'Production budget in millions of euros, NULL if not published';

CREATE TABLE cinemas (
    id INTEGER PRIMARY KEY,
    name VARCHAR NOT NULL,
    city VARCHAR NOT NULL,
    country VARCHAR NOT NULL,
    opened_on DATE,
    closed_on DATE,
    has_parking BOOLEAN NOT NULL,
    has_bar BOOLEAN NOT NULL
);
COMMENT ON TABLE cinemas IS 'Houses of the chain, also closed ones and those still being built';
COMMENT ON COLUMN cinemas.id IS 'House number';
COMMENT ON COLUMN cinemas.name IS 'Name of the house; two cities may have a house of the same name';
COMMENT ON COLUMN cinemas.city IS 'City, local spelling such as Málaga';
COMMENT ON COLUMN cinemas.country IS 'Country, English name such as Spain';
COMMENT ON COLUMN cinemas.opened_on IS 'Opening day, NULL if not open yet';
COMMENT ON COLUMN cinemas.closed_on IS 'Last day, NULL if still in use or not open yet';
COMMENT ON COLUMN cinemas.has_parking IS 'True if there is a car park';
COMMENT ON COLUMN cinemas.has_bar IS 'True if there is a bar';

CREATE TABLE screens (
    id INTEGER PRIMARY KEY,
    cinema_id INTEGER NOT NULL REFERENCES cinemas (id),
    label VARCHAR NOT NULL,
    capacity INTEGER NOT NULL,
    kind VARCHAR NOT NULL,
    renovated_on DATE
);
COMMENT ON TABLE screens IS 'Auditoriums of the houses';
COMMENT ON COLUMN screens.id IS 'Auditorium number, unique over all houses';
COMMENT ON COLUMN screens.cinema_id IS 'House that the auditorium is in';
COMMENT ON COLUMN screens.label IS 'Name within the house such as Screen 1; repeats from house to house';
COMMENT ON COLUMN screens.capacity IS 'Number of seats in it';
COMMENT ON COLUMN screens.kind IS 'One of standard, 3D, IMAX, recliner';
COMMENT ON COLUMN screens.renovated_on IS 'Day of the last renovation, NULL if never renovated';

CREATE TABLE screenings (
    id INTEGER PRIMARY KEY,
    film_id INTEGER NOT NULL REFERENCES films (id),
    screen_id INTEGER NOT NULL REFERENCES screens (id),
    starts_at TIMESTAMP NOT NULL,
    version VARCHAR NOT NULL,
    ticket_price DECIMAL(5,2) NOT NULL,
    cancelled BOOLEAN NOT NULL
);
COMMENT ON TABLE screenings IS 'Showings of a film in an auditorium';
COMMENT ON COLUMN screenings.id IS 'Showing number';
COMMENT ON COLUMN screenings.film_id IS 'Film shown';
COMMENT ON COLUMN screenings.screen_id IS 'Auditorium it is shown in';
COMMENT ON COLUMN screenings.starts_at IS 'Start, local time';
COMMENT ON COLUMN screenings.version IS 'One of original, subtitled, dubbed';
COMMENT ON COLUMN screenings.ticket_price IS 'Full price of one seat in euros';
COMMENT ON COLUMN screenings.cancelled IS 'True if the showing did not take place';

CREATE TABLE members (
    id INTEGER PRIMARY KEY,
    first_name VARCHAR NOT NULL,
    last_name VARCHAR NOT NULL,
    city VARCHAR,
    born_on DATE,
    joined_on DATE NOT NULL,
    tier VARCHAR NOT NULL,
    home_cinema_id INTEGER REFERENCES cinemas (id)
);
COMMENT ON TABLE members IS 'People in the loyalty programme, also those who never booked';
COMMENT ON COLUMN members.id IS 'Member number';
COMMENT ON COLUMN members.first_name IS 'Given name';
COMMENT ON COLUMN members.last_name IS 'Family name; several members may share the full name';
COMMENT ON COLUMN members.city IS 'City of residence, NULL if not given';
COMMENT ON COLUMN members.born_on IS 'Date of birth, NULL if not given';
COMMENT ON COLUMN members.joined_on IS 'Day the person joined the programme';
COMMENT ON COLUMN members.tier IS 'One of basic, silver, gold';
COMMENT ON COLUMN members.home_cinema_id IS 'Favourite house that the member chose, NULL if none';

CREATE TABLE bookings (
    id INTEGER PRIMARY KEY,
    screening_id INTEGER NOT NULL REFERENCES screenings (id),
    member_id INTEGER REFERENCES members (id),
    booked_at TIMESTAMP NOT NULL,
    seats INTEGER NOT NULL,
    amount DECIMAL(7,2) NOT NULL,
    channel VARCHAR,
    status VARCHAR NOT NULL,
    stars INTEGER
);
COMMENT ON TABLE bookings IS 'Reservations of one or more seats for a showing';
COMMENT ON COLUMN bookings.id IS 'Reservation number';
COMMENT ON COLUMN bookings.screening_id IS 'Showing reserved';
COMMENT ON COLUMN bookings.member_id IS 'Member who reserved, NULL for a guest without membership';
COMMENT ON COLUMN bookings.booked_at IS 'Moment of the reservation';
COMMENT ON COLUMN bookings.seats IS 'Number of seats reserved';
COMMENT ON COLUMN bookings.amount IS 'Euros charged for all seats together, 0 with a voucher; kept when refunded';
COMMENT ON COLUMN bookings.channel IS 'One of app, website, counter, phone; NULL if not recorded';
COMMENT ON COLUMN bookings.status IS 'One of attended, no-show, refunded';
COMMENT ON COLUMN bookings.stars IS 'Rating that the member gave the film afterwards, 1 (bad) to 5 (excellent), NULL if none';
