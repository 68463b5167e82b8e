CREATE TABLE clinic (
    id INTEGER PRIMARY KEY,
    name VARCHAR NOT NULL,
    city VARCHAR NOT NULL,
    opened DATE
);

CREATE TABLE doctor (
    id INTEGER PRIMARY KEY,
    first_name VARCHAR NOT NULL,
    last_name VARCHAR NOT NULL,
    specialty VARCHAR,
    clinic_id INTEGER NOT NULL REFERENCES clinic (id),
    hired DATE NOT NULL,
    mentor_id INTEGER
);

CREATE TABLE patient (
    id INTEGER PRIMARY KEY,
    first_name VARCHAR NOT NULL,
    last_name VARCHAR NOT NULL,
    sex VARCHAR,
    born DATE,
    city VARCHAR,
    insurer VARCHAR
);

CREATE TABLE appointment (
    id INTEGER PRIMARY KEY,
    patient_id INTEGER NOT NULL REFERENCES patient (id),
    doctor_id INTEGER NOT NULL REFERENCES doctor (id),
    booked DATE NOT NULL,
    starts TIMESTAMP NOT NULL,
    status VARCHAR NOT NULL,
    minutes INTEGER
);

CREATE TABLE diagnosis (
    appointment_id INTEGER NOT NULL REFERENCES appointment (id),
    illness VARCHAR NOT NULL,
    severity VARCHAR,
    PRIMARY KEY (appointment_id, illness)
);

CREATE TABLE drug (
    id INTEGER PRIMARY KEY,
    name VARCHAR NOT NULL,
    form VARCHAR NOT NULL,
    price DECIMAL(10, 2),
    controlled BOOLEAN NOT NULL
);

CREATE TABLE prescription (
    appointment_id INTEGER NOT NULL REFERENCES appointment (id),
    drug_id INTEGER NOT NULL REFERENCES drug (id),
    days INTEGER,
    PRIMARY KEY (appointment_id, drug_id)
);

CREATE TABLE bill (
    id INTEGER PRIMARY KEY,
    appointment_id INTEGER NOT NULL REFERENCES appointment (id),
    item VARCHAR NOT NULL,
    amount DECIMAL(10, 2) NOT NULL,
    issued DATE NOT NULL,
    paid DATE
);

COMMENT ON TABLE clinic IS 'Outpatient clinics of the group';
COMMENT ON COLUMN clinic.id IS 'Clinic number';
COMMENT ON COLUMN clinic.name IS 'Clinic name; two clinics may share one';
COMMENT ON COLUMN clinic.city IS 'City the clinic is in';
COMMENT ON COLUMN clinic.opened IS 'Opening day; NULL if not known';
COMMENT ON TABLE doctor IS 'Doctors; each works at one clinic';
COMMENT ON COLUMN doctor.id IS 'Doctor number';
COMMENT ON COLUMN doctor.first_name IS 'First name; full names may repeat';
COMMENT ON COLUMN doctor.last_name IS 'Last name';
COMMENT ON COLUMN doctor.specialty IS 'Field, such as Cardiology; NULL for trainees';
COMMENT ON COLUMN doctor.clinic_id IS 'Clinic the doctor works at';
COMMENT ON COLUMN doctor.hired IS 'First day at work';
COMMENT ON COLUMN doctor.mentor_id IS 'Doctor (doctor.id) who mentors this one; NULL if nobody';
COMMENT ON TABLE patient IS 'Registered patients, also those who never had an appointment';
COMMENT ON COLUMN patient.id IS 'Patient number';
COMMENT ON COLUMN patient.first_name IS 'First name; full names may repeat';
COMMENT ON COLUMN patient.last_name IS 'Last name';
COMMENT ON COLUMN patient.sex IS 'F or M; NULL if not stated';
COMMENT ON COLUMN patient.born IS 'Birthday; NULL if not known';
COMMENT ON COLUMN patient.city IS 'City of residence; NULL if not known';
COMMENT ON COLUMN patient.insurer IS 'Insurance company; NULL if uninsured';
COMMENT ON TABLE appointment IS 'Appointments of patients with doctors, 2021 to 2025';
COMMENT ON COLUMN appointment.id IS 'Appointment number';
COMMENT ON COLUMN appointment.patient_id IS 'Who is treated';
COMMENT ON COLUMN appointment.doctor_id IS 'Who treats';
COMMENT ON COLUMN appointment.booked IS 'Day on which the appointment was made';
COMMENT ON COLUMN appointment.starts IS 'Date and time of the appointment';
COMMENT ON COLUMN appointment.status IS 'completed, no-show, cancelled or scheduled';
COMMENT ON COLUMN appointment.minutes IS 'Length in minutes, completed ones only; NULL if not noted';
COMMENT ON TABLE diagnosis IS 'Illnesses found at an appointment; none, one or several';
COMMENT ON COLUMN diagnosis.appointment_id IS 'Appointment where it was found';
COMMENT ON COLUMN diagnosis.illness IS 'Name of the illness, such as Asthma';
COMMENT ON COLUMN diagnosis.severity IS 'mild, moderate or severe; NULL if not graded';
COMMENT ON TABLE drug IS 'Drugs; one row for each name and form';
COMMENT ON COLUMN drug.id IS 'Drug number';
COMMENT ON COLUMN drug.name IS 'Drug name; the same name may come in several forms';
COMMENT ON COLUMN drug.form IS 'tablet, capsule, syrup, gel, inhaler, drops or injection';
COMMENT ON COLUMN drug.price IS 'Price of one day of treatment in pounds; NULL if not listed';
COMMENT ON COLUMN drug.controlled IS 'True for controlled drugs';
COMMENT ON TABLE prescription IS 'Drugs prescribed at an appointment';
COMMENT ON COLUMN prescription.appointment_id IS 'Appointment where it was prescribed';
COMMENT ON COLUMN prescription.drug_id IS 'Drug prescribed';
COMMENT ON COLUMN prescription.days IS 'Days of treatment; NULL for use as needed';
COMMENT ON TABLE bill IS 'Bills; an appointment has none, one or several';
COMMENT ON COLUMN bill.id IS 'Bill number';
COMMENT ON COLUMN bill.appointment_id IS 'Appointment it is for';
COMMENT ON COLUMN bill.item IS 'consultation, lab, imaging, procedure or no-show fee';
COMMENT ON COLUMN bill.amount IS 'Amount in pounds; 0 if waived';
COMMENT ON COLUMN bill.issued IS 'Day the bill was sent';
COMMENT ON COLUMN bill.paid IS 'Day it was paid; NULL while unpaid';
