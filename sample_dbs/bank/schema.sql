CREATE TABLE branches (
    branch_id INTEGER PRIMARY KEY,
    name VARCHAR NOT NULL,
    city VARCHAR NOT NULL,
    country VARCHAR NOT NULL
);
COMMENT ON TABLE branches IS 'Offices of the bank';
COMMENT ON COLUMN branches.branch_id IS 'Key of the branch';
COMMENT ON COLUMN branches.name IS 'Name of the branch; the same name may occur in several cities';
COMMENT ON COLUMN branches.city IS 'City of the branch; the same city name may occur in several countries';
COMMENT ON COLUMN branches.country IS 'Country of the branch in full, such as Ireland, United Kingdom or United States';

CREATE TABLE customers (
    customer_id INTEGER PRIMARY KEY,
    first_name VARCHAR NOT NULL,
    last_name VARCHAR NOT NULL,
    email VARCHAR,
    city VARCHAR,
    birth_date DATE,
    joined_on DATE NOT NULL
);
COMMENT ON TABLE customers IS 'People who are customers of the bank';
COMMENT ON COLUMN customers.customer_id IS 'Key of the customer';
COMMENT ON COLUMN customers.first_name IS 'First name; two customers may have the same full name';
COMMENT ON COLUMN customers.last_name IS 'Last name';
COMMENT ON COLUMN customers.email IS 'E-mail address; NULL if none is known';
COMMENT ON COLUMN customers.city IS 'City of residence; NULL if unknown';
COMMENT ON COLUMN customers.birth_date IS 'Date of birth; NULL if unknown';
COMMENT ON COLUMN customers.joined_on IS 'Day on which the person became a customer';

CREATE TABLE accounts (
    account_id INTEGER PRIMARY KEY,
    branch_id INTEGER REFERENCES branches (branch_id),
    kind VARCHAR NOT NULL,
    currency VARCHAR NOT NULL,
    balance DECIMAL(12,2) NOT NULL,
    opened_on DATE NOT NULL,
    closed_on DATE
);
COMMENT ON TABLE accounts IS 'Bank accounts, open and closed';
COMMENT ON COLUMN accounts.account_id IS 'Key of the account';
COMMENT ON COLUMN accounts.branch_id IS 'Branch that keeps the account; NULL if it was opened online';
COMMENT ON COLUMN accounts.kind IS 'checking, savings, business or term deposit';
COMMENT ON COLUMN accounts.currency IS 'Currency the account is held in: EUR, GBP, USD or CHF';
COMMENT ON COLUMN accounts.balance IS 'Balance, converted to euros; negative if overdrawn, 0 if closed';
COMMENT ON COLUMN accounts.opened_on IS 'Day of opening';
COMMENT ON COLUMN accounts.closed_on IS 'Day of closing; NULL if the account is still open';

CREATE TABLE owners (
    account_id INTEGER NOT NULL REFERENCES accounts (account_id),
    customer_id INTEGER NOT NULL REFERENCES customers (customer_id),
    role VARCHAR NOT NULL,
    PRIMARY KEY (account_id, customer_id)
);
COMMENT ON TABLE owners IS 'Who owns which account; an account has one main owner and may have joint ones';
COMMENT ON COLUMN owners.account_id IS 'The account owned';
COMMENT ON COLUMN owners.customer_id IS 'The customer who owns it';
COMMENT ON COLUMN owners.role IS 'main or joint';

CREATE TABLE merchants (
    merchant_id INTEGER PRIMARY KEY,
    name VARCHAR NOT NULL,
    category VARCHAR
);
COMMENT ON TABLE merchants IS 'Shops and companies that customers pay';
COMMENT ON COLUMN merchants.merchant_id IS 'Key of the merchant';
COMMENT ON COLUMN merchants.name IS 'Name of the merchant; not unique';
COMMENT ON COLUMN merchants.category IS 'Line of business such as groceries, restaurants, fashion or travel; NULL if unknown';

CREATE TABLE transactions (
    txn_id INTEGER PRIMARY KEY,
    account_id INTEGER NOT NULL REFERENCES accounts (account_id),
    merchant_id INTEGER REFERENCES merchants (merchant_id),
    booked_at TIMESTAMP NOT NULL,
    kind VARCHAR NOT NULL,
    amount DECIMAL(10,2) NOT NULL
);
COMMENT ON TABLE transactions IS 'Movements on the accounts, 2021 to 2025';
COMMENT ON COLUMN transactions.txn_id IS 'Key of the transaction';
COMMENT ON COLUMN transactions.account_id IS 'Account on which it was booked';
COMMENT ON COLUMN transactions.merchant_id IS 'Merchant of a purchase or refund; NULL for the other kinds';
COMMENT ON COLUMN transactions.booked_at IS 'Date and time of booking';
COMMENT ON COLUMN transactions.kind IS 'purchase, withdrawal, transfer out or fee (money out); refund, salary, deposit, transfer in or interest (money in)';
COMMENT ON COLUMN transactions.amount IS 'Amount in euros, always positive';

CREATE TABLE loans (
    loan_id INTEGER PRIMARY KEY,
    customer_id INTEGER NOT NULL REFERENCES customers (customer_id),
    kind VARCHAR NOT NULL,
    principal DECIMAL(12,2) NOT NULL,
    rate DOUBLE,
    status VARCHAR NOT NULL,
    granted_on DATE
);
COMMENT ON TABLE loans IS 'Loans asked for by customers';
COMMENT ON COLUMN loans.loan_id IS 'Key of the loan';
COMMENT ON COLUMN loans.customer_id IS 'Borrower';
COMMENT ON COLUMN loans.kind IS 'mortgage, car, personal or student';
COMMENT ON COLUMN loans.principal IS 'Amount borrowed or asked for, in euros';
COMMENT ON COLUMN loans.rate IS 'Interest in percent a year; NULL unless granted';
COMMENT ON COLUMN loans.status IS 'active, paid off, defaulted, pending or rejected';
COMMENT ON COLUMN loans.granted_on IS 'Day the loan was granted; NULL if pending or rejected';

CREATE TABLE payments (
    loan_id INTEGER NOT NULL REFERENCES loans (loan_id),
    due_on DATE NOT NULL,
    paid_on DATE,
    amount DECIMAL(10,2) NOT NULL,
    PRIMARY KEY (loan_id, due_on)
);
COMMENT ON TABLE payments IS 'Monthly instalments of the granted loans, due by the end of 2025';
COMMENT ON COLUMN payments.loan_id IS 'Loan the instalment belongs to';
COMMENT ON COLUMN payments.due_on IS 'Day the instalment is due';
COMMENT ON COLUMN payments.paid_on IS 'Day it was paid; NULL if not paid; late if after due_on';
COMMENT ON COLUMN payments.amount IS 'Amount of the instalment in euros';
