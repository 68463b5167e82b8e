CREATE TABLE customers (
    id INTEGER PRIMARY KEY,
    first_name VARCHAR NOT NULL,
    last_name VARCHAR NOT NULL,
    city VARCHAR,
    country VARCHAR NOT NULL,
    joined_on DATE NOT NULL,
    newsletter BOOLEAN NOT NULL,
    referrer_id INTEGER
);
COMMENT ON TABLE customers IS 'People with an account at the shop, also those who never ordered';
COMMENT ON COLUMN customers.id IS 'Customer number';
COMMENT ON COLUMN customers.first_name IS 'Given name';
COMMENT ON COLUMN customers.last_name IS 'Family name; several customers may share the full name';
COMMENT ON COLUMN customers.city IS 'City of residence, NULL if not given; the same name occurs in several countries';
COMMENT ON COLUMN customers.country IS 'Country of residence, English name such as Germany or United States';
COMMENT ON COLUMN customers.joined_on IS 'Day the account was opened';
COMMENT ON COLUMN customers.newsletter IS 'True if the customer receives the newsletter';
COMMENT ON COLUMN customers.referrer_id IS 'Customer (customers.id) who recommended the shop, NULL if nobody did';

CREATE TABLE categories (
    id INTEGER PRIMARY KEY,
    name VARCHAR NOT NULL UNIQUE,
    parent_id INTEGER
);
COMMENT ON TABLE categories IS 'Product categories, two levels: departments and their categories';
COMMENT ON COLUMN categories.id IS 'Category number';
COMMENT ON COLUMN categories.name IS 'Category name such as Headphones or Home & Kitchen';
COMMENT ON COLUMN categories.parent_id IS 'Department (categories.id) that it belongs to, NULL for a department itself';

CREATE TABLE products (
    id INTEGER PRIMARY KEY,
    name VARCHAR NOT NULL,
    category_id INTEGER NOT NULL REFERENCES categories (id),
    brand VARCHAR,
    price DECIMAL(10,2) NOT NULL,
    stock INTEGER NOT NULL,
    weight_kg DOUBLE
);
COMMENT ON TABLE products IS 'Articles on sale, also those never sold';
COMMENT ON COLUMN products.id IS 'Product number';
COMMENT ON COLUMN products.name IS 'Product name; several brands may use the same name';
COMMENT ON COLUMN products.category_id IS 'Category of the product';
COMMENT ON COLUMN products.brand IS 'Brand, NULL if unbranded';
COMMENT ON COLUMN products.price IS 'Current list price of one piece in euros';
COMMENT ON COLUMN products.stock IS 'Pieces in the warehouse, 0 if sold out';
COMMENT ON COLUMN products.weight_kg IS 'Weight of one piece in kilograms, NULL if unknown';

CREATE TABLE orders (
    id INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customers (id),
    ordered_at TIMESTAMP NOT NULL,
    status VARCHAR NOT NULL,
    payment VARCHAR,
    coupon VARCHAR
);
COMMENT ON TABLE orders IS 'Orders placed by customers';
COMMENT ON COLUMN orders.id IS 'Order number';
COMMENT ON COLUMN orders.customer_id IS 'Customer who placed the order';
COMMENT ON COLUMN orders.ordered_at IS 'Moment the order was placed';
COMMENT ON COLUMN orders.status IS 'One of pending, paid, shipped, delivered, cancelled, returned';
COMMENT ON COLUMN orders.payment IS 'One of card, paypal, bank transfer, gift card; NULL if not paid';
COMMENT ON COLUMN orders.coupon IS 'Coupon code used, in capitals such as WELCOME10, NULL if none';

CREATE TABLE order_items (
    order_id INTEGER NOT NULL REFERENCES orders (id),
    product_id INTEGER NOT NULL REFERENCES products (id),
    quantity INTEGER NOT NULL,
    unit_price DECIMAL(10,2) NOT NULL,
    PRIMARY KEY (order_id, product_id)
);
COMMENT ON TABLE order_items IS 'Lines of an order, one for each product in it';
COMMENT ON COLUMN order_items.order_id IS 'Order of the line';
COMMENT ON COLUMN order_items.product_id IS 'Product ordered';
COMMENT ON COLUMN order_items.quantity IS 'Pieces ordered';
COMMENT ON COLUMN order_items.unit_price IS 'Price charged for one piece in euros at that time, 0 for a free gift';

CREATE TABLE reviews (
    customer_id INTEGER NOT NULL REFERENCES customers (id),
    product_id INTEGER NOT NULL REFERENCES products (id),
    stars INTEGER NOT NULL,
    body VARCHAR,
    posted_on DATE NOT NULL,
    PRIMARY KEY (customer_id, product_id)
);
COMMENT ON TABLE reviews IS 'Product reviews, at most one by each customer for each product; not all reviewers bought it';
COMMENT ON COLUMN reviews.customer_id IS 'Customer who wrote the review';
COMMENT ON COLUMN reviews.product_id IS 'Product reviewed';
COMMENT ON COLUMN reviews.stars IS 'Rating from 1 (bad) to 5 (excellent)';
COMMENT ON COLUMN reviews.body IS 'Text of the review, NULL if only stars were given';
COMMENT ON COLUMN reviews.posted_on IS 'Day the review was posted';

CREATE TABLE shipments (
    id INTEGER PRIMARY KEY,
    order_id INTEGER NOT NULL REFERENCES orders (id),
    carrier VARCHAR,
    shipped_on DATE NOT NULL,
    delivered_on DATE
);
COMMENT ON TABLE shipments IS 'Parcels sent; an order may have none, one or several';
COMMENT ON COLUMN shipments.id IS 'Parcel number';
COMMENT ON COLUMN shipments.order_id IS 'Order that the parcel belongs to';
COMMENT ON COLUMN shipments.carrier IS 'Parcel service such as DHL or Royal Mail, NULL if not recorded';
COMMENT ON COLUMN shipments.shipped_on IS 'Day the parcel left the warehouse';
COMMENT ON COLUMN shipments.delivered_on IS 'Day the parcel arrived, NULL if it has not arrived';
