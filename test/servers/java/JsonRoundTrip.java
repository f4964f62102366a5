import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import org.apache.kafka.connect.data.SchemaAndValue;
import org.apache.kafka.connect.json.JsonConverter;

/** Reads records of JSON with schemas, one a line, as a sink of Kafka Connect does, and prints each as its converter writes it. */
public class JsonRoundTrip {
  public static void main(String[] args) throws Exception {
    JsonConverter converter = new JsonConverter();
    converter.configure(Map.of("schemas.enable", "true", "replace.null.with.default", "false"), false);
    BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = lines.readLine(); line != null; line = lines.readLine()) {
      String answer;
      try {
        SchemaAndValue read = converter.toConnectData("t", line.getBytes(StandardCharsets.UTF_8));
        answer = new String(converter.fromConnectData("t", read.schema(), read.value()), StandardCharsets.UTF_8);
      } catch (Exception error) {
        answer = "refused: " + error + " " + error.getCause();
      }
      System.out.println(answer.replace('\n', ' '));
    }
  }
}
