"""What databases are disguised in: other words for columns, tables that any firm has, and names that are rare in such data."""

from nl2sql_arena.types import Column, Table


def _listed(text: str, between: str | None = None) -> dict[str, tuple[str, ...]]:
    """`key: one two` a line -> key -> what follows it."""
    pairs = (line.split(": ", 1) for line in text.strip().splitlines())
    return {key.strip(): tuple(part.strip() for part in some.split(between)) for key, some in pairs}


WORDS = _listed("""
id: ref num ident
no: num ref
number: num nbr
code: ref cd
name: label designation
first: given fore
last: family sur
city: town municipality
country: nation land
date: day dt
price: cost charge
amount: sum amt
status: state stage
email: mail contact
birth: born natal
born: birthday natal
joined: since entered
quantity: pieces qty
salary: pay wage
kind: sort variety
type: kind class
category: grouping catg
title: heading caption
stars: points rate
weight: mass heft
year: yr annum
month: mth
minutes: mins duration
stock: inventory supply
total: overall ttl
hired: employed engaged
opened: started begun
closed: ended finished
paid: settled pd
due: payable owed
balance: funds saldo
currency: money curr
role: part function
job: post occupation
boss: head superior
maker: producer brand
model: version make
seats: places chairs
capacity: room_for size
credits: points crd
score: result mark
budget: funds means
building: house block
age: years yrs
sex: gender
gender: sex
address: addr location
phone: tel telephone
description: descr text
rating: grade marks
length: extent len
population: inhabitants pop
start: begin from_day
end: until finish
at: moment ts
on: day
customer: client cust
product: article prod
order: purchase ord
student: learner stud
course: class crs
department: dept division
dept: division dprt
employee: staff emp
account: acct acc
patient: pat client
doctor: doc physician
flight: flt trip
passenger: traveller pax
branch: office brch
manager: head mgr
value: val worth
""")
"""Word of a column's name -> what may stand in its place."""

UNUSUAL = _listed(
    """
given: Þórdís; Ọláyẹmí; Xóchitl; Nguyệt; Kanaʻi; Gyöngyi; Çiğdem; Zdzisława; Məryəm; Ġorġa; Iñaki; Ngũgĩ; Şirin; Æthelwyn; O; 李娜; Ольга
family: Wa Thiong'o; Guðmundsdóttir; Ògúnbámiró; Xicohténcatl; Nguyễn-Phước; Əliyev; Szczęsny; Quispe Mamani; Abd al-Raḥmān; Ng'ang'a; 毛; Ő
city: Ürümqi; Ouagadougou; Nukuʻalofa; Þorlákshöfn; Bağcılar; Łódź; Hà Giang; Mbuji-Mayi; Å; Tegucigalpa; Šiauliai; 西安; Чернівці; L'Aquila
country: Côte d'Ivoire; Kyrgyzstan; Timor-Leste; Eswatini; Åland; Curaçao; Burkina Faso; Bosnia and Herzegovina; Vanuatu; Lao PDR; Bhutan
name: Ọ̀ṣun; Žďár nad Sázavou; Ng'ombe; 茉莉花; Xochiquetzal; Þórsmörk; Al-Ḥamrāʾ; Ñandú; Œuvre 7; Łuk; Đông Á; ʻŌhiʻa; Ærø; Ğ; Ĉiam; Ύδρα
""",
    ";",
)
"""Kind of name -> real ones from languages and scripts that are rare in such data, with letters and signs that trip programs."""

KINDS = _listed("""
given: first given forename fname
family: last sur surname family lname
city: city town
country: country nation
name: name brand maker company hometown owner author artist airline directed written region district continent
""")
"""Kind of name -> words of columns that hold it, the more special first."""

TABLES = _listed(
    """
audit_log: id INTEGER, happened_at TIMESTAMP, actor VARCHAR, action VARCHAR, detail VARCHAR
app_settings: setting VARCHAR, value VARCHAR, changed_on DATE
exchange_rates: currency VARCHAR, quoted_on DATE, rate DOUBLE
public_holidays: day DATE, country VARCHAR, name VARCHAR
support_tickets: id INTEGER, opened_on DATE, closed_on DATE, subject VARCHAR, status VARCHAR, priority INTEGER
office_rooms: id INTEGER, name VARCHAR, floor INTEGER, seats INTEGER
newsletters: id INTEGER, title VARCHAR, sent_on DATE, recipients INTEGER
company_cars: id INTEGER, plate VARCHAR, maker VARCHAR, bought_on DATE, price DOUBLE
survey_answers: id INTEGER, asked_on DATE, score INTEGER, remark VARCHAR
backup_jobs: id INTEGER, started_at TIMESTAMP, minutes INTEGER, status VARCHAR
import_batches: id INTEGER, file_name VARCHAR, row_total INTEGER, loaded_at TIMESTAMP
firms_contacted: id INTEGER, company VARCHAR, city VARCHAR, contacted_on DATE
""",
    ",",
)


def _table(name: str, columns: tuple[str, ...]) -> Table:
    made = tuple(Column(each.split()[0], each.split()[1]) for each in columns)
    return Table(name, made, primary_key=("id",) if made[0].name == "id" else ())


POOL = tuple(_table(name, columns) for name, columns in TABLES.items())
"""Tables that any firm may have beside the asked ones; none answers a question about those."""
