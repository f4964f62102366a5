import io.debezium.engine.ChangeEvent;
import io.debezium.engine.DebeziumEngine;
import io.debezium.engine.format.Json;
import io.debezium.engine.format.KeyValueHeaderChangeEventFormat;
import java.util.Properties;

/** Runs Debezium's PostgreSQL connector with the settings given as key=value and prints each record on a line of its own. */
public class DebeziumRecords {
  public static void main(String[] args) throws Exception {
    Properties settings = new Properties();
    settings.setProperty("name", "beside");
    settings.setProperty("connector.class", "io.debezium.connector.postgresql.PostgresConnector");
    settings.setProperty("offset.storage", "org.apache.kafka.connect.storage.MemoryOffsetBackingStore");
    settings.setProperty("plugin.name", "pgoutput");
    for (String each : args) {
      String[] parts = each.split("=", 2);
      settings.setProperty(parts[0], parts[1]);
    }
    var format = KeyValueHeaderChangeEventFormat.of(Json.class, Json.class, Json.class);
    DebeziumEngine<?> engine = DebeziumEngine.create(format)
        .using(settings)
        .using((ok, message, error) -> {
          if (!ok) {
            System.err.println(message + " " + error);
            System.exit(3);
          }
        })
        .notifying(DebeziumRecords::print)
        .build();
    engine.run();
  }

  private static void print(ChangeEvent<String, String> record) {
    StringBuilder line = new StringBuilder("record\t");
    line.append(record.destination()).append('\t').append(record.key()).append('\t').append(record.value());
    for (var header : record.headers()) line.append('\t').append(header.getKey()).append('=').append(header.getValue());
    System.out.println(line);
    System.out.flush();
  }
}
