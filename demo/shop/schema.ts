/** The shop's tables and what is in them at first. */

/** Old rows are logged as a whole, so that an update can be shown with what was there before. */
export const schema = `
CREATE TABLE customers (
  id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL,
  city text NOT NULL
);
CREATE TABLE products (
  id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text NOT NULL,
  price numeric(8, 2) NOT NULL
);
CREATE TABLE orders (
  id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  customer_id int NOT NULL REFERENCES customers,
  status text NOT NULL DEFAULT 'new',
  total numeric(10, 2) NOT NULL DEFAULT 0
);
CREATE TABLE order_lines (
  order_id int NOT NULL REFERENCES orders ON DELETE CASCADE,
  product_id int NOT NULL REFERENCES products,
  quantity int NOT NULL,
  PRIMARY KEY (order_id, product_id)
);
ALTER TABLE customers REPLICA IDENTITY FULL;
ALTER TABLE products REPLICA IDENTITY FULL;
ALTER TABLE orders REPLICA IDENTITY FULL;
ALTER TABLE order_lines REPLICA IDENTITY FULL;

INSERT INTO customers (name, city) VALUES
  ('Ada', 'London'), ('Grace', 'New York'), ('Edsger', 'Rotterdam'), ('Barbara', 'Boston');
INSERT INTO products (name, price) VALUES
  ('Coffee', 7.90), ('Tea', 4.50), ('Chocolate', 2.20), ('Biscuits', 3.10), ('Honey', 6.40);
INSERT INTO orders (customer_id, status, total) VALUES (1, 'shipped', 15.80), (2, 'paid', 9.00);
INSERT INTO order_lines VALUES (1, 1, 2), (2, 2, 2);
`;
