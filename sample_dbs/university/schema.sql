CREATE TABLE departments (
    id INTEGER PRIMARY KEY,
    name VARCHAR NOT NULL,
    building VARCHAR,
    budget DECIMAL(12,2)
);
CREATE TABLE professors (
    id INTEGER PRIMARY KEY,
    name VARCHAR NOT NULL,
    title VARCHAR NOT NULL,
    dept_id INTEGER REFERENCES departments (id),
    hired DATE NOT NULL,
    salary DECIMAL(10,2)
);
CREATE TABLE students (
    id INTEGER PRIMARY KEY,
    first_name VARCHAR NOT NULL,
    last_name VARCHAR NOT NULL,
    country VARCHAR,
    birth_date DATE,
    major_id INTEGER REFERENCES departments (id),
    advisor_id INTEGER REFERENCES professors (id),
    start_year INTEGER NOT NULL,
    status VARCHAR NOT NULL
);
CREATE TABLE courses (
    id INTEGER PRIMARY KEY,
    code VARCHAR NOT NULL,
    title VARCHAR NOT NULL,
    credits INTEGER NOT NULL,
    dept_id INTEGER NOT NULL REFERENCES departments (id)
);
CREATE TABLE prerequisites (
    course_id INTEGER NOT NULL REFERENCES courses (id),
    required_id INTEGER NOT NULL REFERENCES courses (id),
    PRIMARY KEY (course_id, required_id)
);
CREATE TABLE sections (
    id INTEGER PRIMARY KEY,
    course_id INTEGER NOT NULL REFERENCES courses (id),
    professor_id INTEGER REFERENCES professors (id),
    term VARCHAR NOT NULL,
    year INTEGER NOT NULL,
    room VARCHAR,
    capacity INTEGER NOT NULL
);
CREATE TABLE enrollments (
    student_id INTEGER NOT NULL REFERENCES students (id),
    section_id INTEGER NOT NULL REFERENCES sections (id),
    enrolled_at TIMESTAMP NOT NULL,
    score DECIMAL(4,1),
    dropped BOOLEAN NOT NULL,
    PRIMARY KEY (student_id, section_id)
);
CREATE TABLE scholarships (
    student_id INTEGER NOT NULL REFERENCES students (id),
    name VARCHAR NOT NULL,
    awarded DATE NOT NULL,
    amount DECIMAL(10,2),
    PRIMARY KEY (student_id, name, awarded)
);

COMMENT ON TABLE departments IS 'Academic departments';
COMMENT ON COLUMN departments.id IS 'Department number';
COMMENT ON COLUMN departments.name IS 'Name, e.g. Computer Science';
COMMENT ON COLUMN departments.building IS 'Main building; several departments can share one; NULL = none at present';
COMMENT ON COLUMN departments.budget IS 'Yearly budget in euros; NULL = not fixed';
COMMENT ON TABLE professors IS 'Teaching staff';
COMMENT ON COLUMN professors.id IS 'Professor number';
COMMENT ON COLUMN professors.name IS 'Full name, not unique';
COMMENT ON COLUMN professors.title IS 'Professor, Associate Professor, Assistant Professor, Lecturer or Visiting Professor';
COMMENT ON COLUMN professors.dept_id IS 'Home department; NULL = none';
COMMENT ON COLUMN professors.hired IS 'Date of hiring';
COMMENT ON COLUMN professors.salary IS 'Yearly salary in euros; NULL = unpaid or not known';
COMMENT ON TABLE students IS 'Everybody ever admitted';
COMMENT ON COLUMN students.id IS 'Student number';
COMMENT ON COLUMN students.first_name IS 'First name';
COMMENT ON COLUMN students.last_name IS 'Last name; full names are not unique';
COMMENT ON COLUMN students.country IS 'Home country in English; NULL = not known';
COMMENT ON COLUMN students.birth_date IS 'Date of birth; NULL = not known';
COMMENT ON COLUMN students.major_id IS 'Department of the major; NULL = undeclared';
COMMENT ON COLUMN students.advisor_id IS 'Advising professor; NULL = none';
COMMENT ON COLUMN students.start_year IS 'Year of admission, 2021 to 2025';
COMMENT ON COLUMN students.status IS 'active, graduated, withdrawn or on leave';
COMMENT ON TABLE courses IS 'Course catalogue';
COMMENT ON COLUMN courses.id IS 'Course number';
COMMENT ON COLUMN courses.code IS 'Unique code, e.g. CS101: letters for the department, first digit for the level';
COMMENT ON COLUMN courses.title IS 'Title; two departments can use the same';
COMMENT ON COLUMN courses.credits IS 'Credit points';
COMMENT ON COLUMN courses.dept_id IS 'Department that offers it';
COMMENT ON TABLE prerequisites IS 'Which course must be passed before which';
COMMENT ON COLUMN prerequisites.course_id IS 'The course that has the condition';
COMMENT ON COLUMN prerequisites.required_id IS 'The course to be passed first';
COMMENT ON TABLE sections IS 'One offering of a course in one term; a course can have several in a term';
COMMENT ON COLUMN sections.id IS 'Section number';
COMMENT ON COLUMN sections.course_id IS 'Course taught';
COMMENT ON COLUMN sections.professor_id IS 'Who teaches it; NULL = to be announced';
COMMENT ON COLUMN sections.term IS 'Spring, Summer or Fall';
COMMENT ON COLUMN sections.year IS 'Year of the term, 2021 to 2025';
COMMENT ON COLUMN sections.room IS 'Room, e.g. T-101; NULL = online';
COMMENT ON COLUMN sections.capacity IS 'Number of seats; can be overbooked';
COMMENT ON TABLE enrollments IS 'A student in a section; a student can retake a course in another section';
COMMENT ON COLUMN enrollments.student_id IS 'Student';
COMMENT ON COLUMN enrollments.section_id IS 'Section';
COMMENT ON COLUMN enrollments.enrolled_at IS 'When the student signed up';
COMMENT ON COLUMN enrollments.score IS 'Final score 0 to 100, passed from 50; NULL = not graded';
COMMENT ON COLUMN enrollments.dropped IS 'True if the student dropped the section';
COMMENT ON TABLE scholarships IS 'Scholarships given to students; a student can get several';
COMMENT ON COLUMN scholarships.student_id IS 'Student';
COMMENT ON COLUMN scholarships.name IS 'Name of the scholarship, e.g. Merit Award';
COMMENT ON COLUMN scholarships.awarded IS 'Date of the award';
COMMENT ON COLUMN scholarships.amount IS 'Amount in euros; NULL = not fixed yet';
