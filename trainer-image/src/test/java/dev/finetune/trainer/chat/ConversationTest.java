package dev.finetune.trainer.chat;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.finetune.trainer.failure.UnreadableData;
import dev.finetune.trainer.json.JsonFile;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ConversationTest {
  @Test
  void readsTurnsOfShareGptAsMessages() {
    Conversation conversation =
        read(
            "{'conversations':[{'from':'system','value':'s'},{'from':'human','value':'h'},"
                + "{'from':'function_call','value':'{\\\"name\\\":\\\"f\\\",\\\"arguments\\\":{\\\"a\\\":1}}'},"
                + "{'from':'observation','value':'o'},{'from':'gpt','value':'g'}],"
                + "'tools':'[{\\\"name\\\":\\\"f\\\"}]'}");
    assertThat(conversation.messages().toString())
        .isEqualTo(
            json(
                "[{'role':'system','content':'s'},{'role':'user','content':'h'},"
                    + "{'role':'assistant','content':'','tool_calls':[{'type':'function',"
                    + "'function':{'name':'f','arguments':{'a':1}}}]},"
                    + "{'role':'tool','content':'o'},{'role':'assistant','content':'g'}]"));
    assertThat(String.valueOf(conversation.tools())).isEqualTo(json("[{'name':'f'}]"));
  }

  @Test
  void readsArgumentsInJsonTextAsWhatTheySay() {
    Conversation conversation =
        read(
            "{'messages':[{'role':'user','content':'q'},{'role':'assistant','content':null,"
                + "'tool_calls':[{'id':'1','function':{'name':'f','arguments':'{\\\"a\\\":[1]}'}}]}],"
                + "'tools':''}");
    assertThat(conversation.messages().get(1).toString())
        .isEqualTo(
            json(
                "{'role':'assistant','content':'',"
                    + "'tool_calls':[{'id':'1','function':{'name':'f','arguments':{'a':[1]}}}]}"));
    assertThat(conversation.tools()).isNull();
  }

  @Test
  void putsAColumnOfTheSystemFirst() {
    Conversation conversation = read("{'system':'s','messages':[{'role':'user','content':'q'}]}");
    assertThat(conversation.messages().get(0).toString())
        .isEqualTo(json("{'role':'system','content':'s'}"));
    assertThat(conversation.messages()).hasSize(2);
  }

  @Test
  void countsTheMessagesOfAPrompt() {
    Conversation conversation =
        read(
            "{'prompt':[{'role':'user','content':'q'}],"
                + "'completion':[{'role':'assistant','content':'a'}]}");
    assertThat(conversation.promptMessages()).isEqualTo(1);
    assertThat(conversation.messages()).hasSize(2);
  }

  @ParameterizedTest
  @CsvSource(
      delimiterString = "=>",
      quoteCharacter = '`',
      value = {
        "[]=>expected a JSON object",
        "{}=>expected field 'messages', 'conversations', or 'prompt' and 'completion'",
        "{'messages':[]}=>expected 1 to 512 messages, found 0",
        "{'messages':'a'}=>field 'messages' must be a list of messages, was a string",
        "{'messages':[1]}=>messages[0] must be an object, was the integer 1",
        "{'messages':[{'role':'user','content':'a'},{'role':'asistant','content':'b'}]}=>messages[1]: field 'role' must be one of",
        "{'messages':[{'role':'user'}]}=>messages[0]: field 'content' is missing",
        "{'messages':[{'content':'a'}]}=>messages[0]: field 'role' must be a string, was nothing",
        "{'messages':[{'role':'user','content':{'a':1}}]}=>messages[0]: field 'content' must be a string or a list of text parts",
        "{'messages':[{'role':'user','content':[{'type':'image'}]}]}=>messages[0]: field 'content'[0] must be a part of type 'text'",
        "{'messages':[{'role':'assistant','tool_calls':[{}]}]}=>messages[0]: field 'tool_calls' must have calls of functions with a name",
        "{'messages':[{'role':'assistant','tool_calls':[{'name':'f','arguments':'{'}]}]}=>messages[0]: field 'tool_calls': arguments",
        "{'conversations':[{'from':'bot','value':'a'}]}=>conversations[0]: field 'from' must be one of",
        "{'conversations':[{'from':'human'}]}=>conversations[0]: field 'value' must be a string",
        "{'prompt':'a','completion':'b'}=>field 'prompt' must be a list of messages, was a string",
        "{'messages':[{'role':'user','content':'a'}],'tools':'{}'}=>field 'tools' must be a list"
      })
  void namesTheMessageThatIsWrong(String row, String message) {
    assertThatThrownBy(() -> read(row))
        .isInstanceOf(UnreadableData.class)
        .hasMessageContaining("line 7: " + message);
  }

  private static Conversation read(String row) {
    return Conversation.of(
        JsonFile.parse("row", json(row)), message -> new UnreadableData("line 7: " + message));
  }

  private static String json(String text) {
    return text.replace('\'', '"');
  }
}
