"""What differs from country to country: names, places, hours, money, the look of a telephone number.

Names are common ones; put together at random they belong to nobody in particular. Where a country writes its names in
another script, an entry is ``native:Latin``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class City:
    """A place a lead can come from. ``postal_code`` is one of the city's own."""

    name: str
    region: str
    postal_code: str


@dataclass(frozen=True, slots=True)
class Country:
    """``share`` is how many of a hundred leads come from here; ``money`` the rough size of a US dollar in the country's
    currency (an order of magnitude, no rate); in ``phone`` each ``#`` stands for a digit."""

    code: str
    name: str
    language: str
    timezone: str
    currency: str
    money: int
    share: int
    phone: str
    legal_forms: tuple[str, ...]
    given: tuple[str, ...]
    family: tuple[str, ...]
    cities: tuple[City, ...]
    hours: tuple[int, int] = (9 * 60, 18 * 60)


def _cities(text: str) -> tuple[City, ...]:
    return tuple(City(*(part.strip() for part in line.split(","))) for line in text.split(";"))


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(","))


_SPANISH_GIVEN = _words(
    "Carmen, Lucía, Sofía, Valentina, Mariana, Paula, Elena, Ximena, Daniela, Julia, Inés, Alejandro, Diego, Javier, "
    "Andrés, Mateo, Tomás, Rodrigo, Emilio, Pablo, Hugo, Camila, Raúl, Teresa, Óscar"
)
_SPANISH_FAMILY = _words(
    "Vega, Ruiz, Morales, Herrera, Castillo, Navarro, Ortega, Salinas, Fuentes, Cárdenas, Ibáñez, Peña, Soto, Lozano, "
    "Rivas, Aguilar, Campos, Medina, Nieto, Paredes, Quintero, Rosales, Serrano, Velasco, Zamora"
)
_ENGLISH_GIVEN = _words(
    "Grace, Olivia, Hannah, Priya, Naomi, Claire, Maya, Ruth, Imani, Zoe, James, Daniel, Marcus, Owen, Samuel, Ethan, "
    "Victor, Leo, Aaron, Theo"
)
_ENGLISH_FAMILY = _words(
    "Bennett, Carter, Hughes, Brooks, Patel, Walsh, Foster, Reid, Coleman, Barnes, Okafor, Fletcher, Marsh, Doyle, "
    "Whitfield, Nguyen, Harding, Ellis, Thornton, Singh"
)

JAPAN = Country(
    code="JP",
    name="Japan",
    language="ja",
    timezone="Asia/Tokyo",
    currency="JPY",
    money=150,
    share=22,
    phone="+81 3 0000 ####",
    legal_forms=("株式会社",),
    given=_words(
        "愛子:Aiko, 健司:Kenji, 由美:Yumi, 大輔:Daisuke, 直樹:Naoki, 美咲:Misaki, 翔太:Shota, 恵子:Keiko, 拓也:Takuya, "
        "真由美:Mayumi, 浩:Hiroshi, 亜希子:Akiko, 健太:Kenta, 麻衣:Mai, 修:Osamu, 千尋:Chihiro, 隆:Takashi, 友美:Tomomi, "
        "和也:Kazuya, 裕子:Yuko"
    ),
    family=_words(
        "佐藤:Sato, 鈴木:Suzuki, 高橋:Takahashi, 田中:Tanaka, 伊藤:Ito, 渡辺:Watanabe, 山本:Yamamoto, 中村:Nakamura, "
        "小林:Kobayashi, 加藤:Kato, 吉田:Yoshida, 山田:Yamada, 佐々木:Sasaki, 松本:Matsumoto, 井上:Inoue, 木村:Kimura, "
        "林:Hayashi, 清水:Shimizu, 森:Mori, 池田:Ikeda"
    ),
    cities=_cities(
        "Tokyo, Tokyo, 100-0005; Yokohama, Kanagawa, 220-0012; Osaka, Osaka, 530-0001; Nagoya, Aichi, 450-0002; "
        "Sapporo, Hokkaido, 060-0042; Fukuoka, Fukuoka, 810-0001; Sendai, Miyagi, 980-0021; Kyoto, Kyoto, 600-8216; "
        "Hiroshima, Hiroshima, 730-0011; Kanazawa, Ishikawa, 920-0858"
    ),
)
MEXICO = Country(
    code="MX",
    name="Mexico",
    language="es",
    timezone="America/Mexico_City",
    currency="MXN",
    money=18,
    share=14,
    phone="+52 55 0000 ####",
    legal_forms=("S.A. de C.V.", "S. de R.L."),
    given=_SPANISH_GIVEN,
    family=_SPANISH_FAMILY,
    cities=_cities(
        "Ciudad de México, CDMX, 06000; Guadalajara, Jalisco, 44100; Monterrey, Nuevo León, 64000; Puebla, Puebla, 72000; "
        "Mérida, Yucatán, 97000; Querétaro, Querétaro, 76000; Tijuana, Baja California, 22000; León, Guanajuato, 37000"
    ),
    hours=(9 * 60, 18 * 60 + 30),
)
SPAIN = Country(
    code="ES",
    name="Spain",
    language="es",
    timezone="Europe/Madrid",
    currency="EUR",
    money=1,
    share=9,
    phone="+34 900 000 ###",
    legal_forms=("S.L.", "S.A."),
    given=_SPANISH_GIVEN,
    family=_SPANISH_FAMILY,
    cities=_cities(
        "Madrid, Madrid, 28001; Barcelona, Cataluña, 08001; Valencia, Comunidad Valenciana, 46001; Sevilla, Andalucía, 41001; "
        "Bilbao, País Vasco, 48001; Zaragoza, Aragón, 50001; Málaga, Andalucía, 29001"
    ),
    hours=(9 * 60, 18 * 60 + 30),
)
INDONESIA = Country(
    code="ID",
    name="Indonesia",
    language="id",
    timezone="Asia/Jakarta",
    currency="IDR",
    money=16_000,
    share=14,
    phone="+62 21 0000 ####",
    legal_forms=("PT", "CV"),
    given=_words(
        "Budi, Siti, Dewi, Agus, Rina, Putri, Bayu, Wahyu, Indah, Joko, Ratna, Eko, Fitri, Hendra, Ayu, Rizky, Sari, "
        "Dian, Yusuf, Lestari, Adi, Nurul, Bambang, Maya"
    ),
    family=_words(
        "Santoso, Rahma, Wijaya, Pratama, Hidayat, Nugroho, Setiawan, Kusuma, Saputra, Wibowo, Hartono, Lubis, Siregar, "
        "Maharani, Gunawan, Anggraini, Firmansyah, Utami, Halim, Permata"
    ),
    cities=_cities(
        "Jakarta, DKI Jakarta, 10110; Surabaya, Jawa Timur, 60111; Bandung, Jawa Barat, 40111; Medan, Sumatera Utara, 20111; "
        "Semarang, Jawa Tengah, 50131; Makassar, Sulawesi Selatan, 90111; Denpasar, Bali, 80111; Yogyakarta, DI Yogyakarta, 55111"
    ),
    hours=(8 * 60, 17 * 60),
)
COLOMBIA = Country(
    code="CO",
    name="Colombia",
    language="es",
    timezone="America/Bogota",
    currency="COP",
    money=4_000,
    share=7,
    phone="+57 601 000 ####",
    legal_forms=("S.A.S.",),
    given=_SPANISH_GIVEN,
    family=_SPANISH_FAMILY,
    cities=_cities(
        "Bogotá, Bogotá D.C., 110111; Medellín, Antioquia, 050001; Cali, Valle del Cauca, 760001; "
        "Barranquilla, Atlántico, 080001; Bucaramanga, Santander, 680001; Pereira, Risaralda, 660001"
    ),
    hours=(8 * 60, 17 * 60 + 30),
)
BRAZIL = Country(
    code="BR",
    name="Brazil",
    language="pt",
    timezone="America/Sao_Paulo",
    currency="BRL",
    money=5,
    share=9,
    phone="+55 11 0000 ####",
    legal_forms=("Ltda.", "S.A."),
    given=_words(
        "Ana, Beatriz, Camila, Larissa, Juliana, Fernanda, Letícia, Aline, Gabriela, Renata, João, Pedro, Lucas, Rafael, "
        "Thiago, Gustavo, Bruno, Felipe, Marcelo, Caio"
    ),
    family=_words(
        "Almeida, Barbosa, Cardoso, Dias, Esteves, Ferreira, Gomes, Moreira, Nascimento, Oliveira, Pereira, Queiroz, "
        "Ribeiro, Teixeira, Vieira, da Costa, dos Santos, Monteiro, Azevedo, Moura"
    ),
    cities=_cities(
        "São Paulo, SP, 01001-000; Rio de Janeiro, RJ, 20010-000; Belo Horizonte, MG, 30110-001; Curitiba, PR, 80010-000; "
        "Porto Alegre, RS, 90010-000; Recife, PE, 50010-000; Salvador, BA, 40010-000; Florianópolis, SC, 88010-000"
    ),
)
GERMANY = Country(
    code="DE",
    name="Germany",
    language="de",
    timezone="Europe/Berlin",
    currency="EUR",
    money=1,
    share=7,
    # Set aside for films by the Bundesnetzagentur: Berlin (0)30 23125 000 to 999.
    phone="+49 30 23125 ###",
    legal_forms=("GmbH", "AG", "KG"),
    given=_words(
        "Lena, Katharina, Jana, Miriam, Anke, Sabine, Greta, Leyla, Nora, Ulrike, Jonas, Lukas, Felix, Matthias, Emre, "
        "Stefan, Jan, Tobias, Moritz, Karl"
    ),
    family=_words(
        "Brandt, Vogel, Keller, Lindner, Hartmann, Krüger, Schäfer, Winkler, Yilmaz, Engel, Busch, Seidel, Franke, Pohl, "
        "Ziegler, Böhm, Albrecht, Jansen, Otto, Haas"
    ),
    cities=_cities(
        "Berlin, Berlin, 10115; Hamburg, Hamburg, 20095; München, Bayern, 80331; Köln, Nordrhein-Westfalen, 50667; "
        "Leipzig, Sachsen, 04109; Stuttgart, Baden-Württemberg, 70173; Bremen, Bremen, 28195"
    ),
    hours=(8 * 60 + 30, 17 * 60 + 30),
)
UNITED_STATES = Country(
    code="US",
    name="United States",
    language="en",
    timezone="America/Chicago",
    currency="USD",
    money=1,
    share=9,
    # 555-0100 to 555-0199 are kept for fiction in the North American plan.
    phone="+1 312 555 01##",
    legal_forms=("Inc.", "LLC"),
    given=_ENGLISH_GIVEN,
    family=_ENGLISH_FAMILY,
    cities=_cities(
        "Chicago, IL, 60601; Austin, TX, 78701; Portland, OR, 97201; Denver, CO, 80202; Atlanta, GA, 30303; "
        "Columbus, OH, 43215; Tampa, FL, 33602; Providence, RI, 02903"
    ),
)
UNITED_KINGDOM = Country(
    code="GB",
    name="United Kingdom",
    language="en",
    timezone="Europe/London",
    currency="GBP",
    money=1,
    share=4,
    # Kept for drama by Ofcom: 020 7946 0000 to 0999.
    phone="+44 20 7946 0###",
    legal_forms=("Ltd",),
    given=_ENGLISH_GIVEN,
    family=_ENGLISH_FAMILY,
    cities=_cities(
        "London, England, EC1A 1BB; Manchester, England, M1 1AE; Glasgow, Scotland, G1 1XQ; Cardiff, Wales, CF10 1EP; "
        "Leeds, England, LS1 1UR"
    ),
)
CHILE = Country(
    code="CL",
    name="Chile",
    language="es",
    timezone="America/Santiago",
    currency="CLP",
    money=900,
    share=3,
    phone="+56 2 0000 ####",
    legal_forms=("SpA", "Ltda."),
    given=_SPANISH_GIVEN,
    family=_SPANISH_FAMILY,
    cities=_cities("Santiago, RM, 8320000; Valparaíso, Valparaíso, 2340000; Concepción, Biobío, 4030000"),
)
ARGENTINA = Country(
    code="AR",
    name="Argentina",
    language="es",
    timezone="America/Argentina/Buenos_Aires",
    currency="ARS",
    money=1_000,
    share=2,
    phone="+54 11 0000 ####",
    legal_forms=("S.R.L.", "S.A."),
    given=_SPANISH_GIVEN,
    family=_SPANISH_FAMILY,
    cities=_cities("Buenos Aires, CABA, C1002; Córdoba, Córdoba, X5000; Rosario, Santa Fe, S2000"),
)

COUNTRIES: Mapping[str, Country] = {
    country.code: country
    for country in (
        JAPAN,
        MEXICO,
        SPAIN,
        INDONESIA,
        COLOMBIA,
        BRAZIL,
        GERMANY,
        UNITED_STATES,
        UNITED_KINGDOM,
        CHILE,
        ARGENTINA,
    )
}


def native(entry: str) -> str:
    """A name as it is written at home: ``愛子`` of ``愛子:Aiko``."""
    return entry.partition(":")[0]


def latin(entry: str) -> str:
    """A name in Latin letters: ``Aiko`` of ``愛子:Aiko``; entries without a colon are that already."""
    return entry.rpartition(":")[2]
